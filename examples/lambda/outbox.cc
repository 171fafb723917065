#include "examples/lambda/outbox.h"

namespace lambda_app {

void Outbox::save(pipeline::ByteWriter& out) {
  out.varint(texts_.size());
  for (const std::string& text : texts_) out.string(text);
  saved_ = texts_.size();
}

bool Outbox::load(pipeline::ByteReader& in) {
  const std::size_t count = in.count(/*bytes_each=*/1);
  for (std::size_t i = 0; i < count; ++i) texts_.emplace_back(in.string());
  saved_ = ready_ = texts_.size();
  return in.ok();
}

}  // namespace lambda_app
