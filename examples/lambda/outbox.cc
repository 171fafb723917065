#include "examples/lambda/outbox.h"

#include <algorithm>

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

void Outbox::forget_sent(const std::vector<std::string>& sent) {
  const auto end = texts_.begin() + offset(ready_);
  const auto kept = std::remove_if(texts_.begin(), end, [&sent](const std::string& text) {
    return std::find(sent.begin(), sent.end(), text) != sent.end();
  });
  const auto gone = static_cast<std::size_t>(end - kept);
  texts_.erase(kept, end);
  ready_ -= gone;
  saved_ -= gone;
}

}  // namespace lambda_app
