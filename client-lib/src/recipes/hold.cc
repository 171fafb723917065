#include "quorate/recipes/hold.h"

#include <utility>

#include "client-lib/src/recipes/own_node.h"

namespace quorate::client {

Hold::Hold(std::shared_ptr<Held> held) : held_(std::move(held)) {}

Hold::~Hold() {
  release();
}

Hold& Hold::operator=(Hold&& other) noexcept {
  if (this != &other) {
    release();
    held_ = std::move(other.held_);
  }
  return *this;
}

bool Hold::valid() const {
  return held_ && held_->valid();
}

std::int64_t Hold::token() const {
  return held_ ? held_->token() : 0;
}

const std::string& Hold::node() const {
  static const std::string none;
  return held_ ? held_->node() : none;
}

void Hold::on_invalid(std::function<void()> callback) {
  if (held_) held_->when_invalid(std::move(callback));
}

// The znode's object stays: other threads may be asking valid() of it.
void Hold::release() {
  if (held_) held_->release();
}

}  // namespace quorate::client
