#include "server/admin/restore_upload.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "server/log/log.h"

namespace quorate::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using http::status;

constexpr std::size_t kPieceBytes = 256u << 10;

const char* text_of(RestoreFault fault) {
  switch (fault) {
    case RestoreFault::Ensemble:
      return "a member of an ensemble does not replace its tree alone";
    case RestoreFault::NotServing:
      return "the server does not serve now, or restores a tree already";
    case RestoreFault::ZxidTooBig:
      return "the snapshot speaks of zxids that no ensemble can have reached";
    case RestoreFault::Disk:
      return "the tree could not be written, everything is as before; the log says why";
  }
  return "?";
}

}  // namespace

RestoreUpload::RestoreUpload(std::shared_ptr<void> keeper, Ends ends,
                             std::unique_ptr<ReceivedSnapshot> into,
                             std::chrono::milliseconds idle_limit, OnEnd on_end)
    : keeper_(std::move(keeper)),
      ends_(std::move(ends)),
      into_(std::move(into)),
      idle_limit_(idle_limit),
      on_end_(std::move(on_end)) {}

void RestoreUpload::start(http::request_parser<http::empty_body>&& header) {
  began_ = moved_ = Clock::now();
  const auto length = header.content_length();
  if (length && *length > into_->bytes_max()) {
    return end(status::payload_too_large,
               "the snapshot would take more than half of what is free on the disk of dataDir");
  }
  const bool waits = beast::iequals(header.get()[http::field::expect], "100-continue");
  parser_.emplace(std::move(header));
  parser_->body_limit(boost::none);  // Counted here.
  if (parser_->is_done()) return check();
  if (!waits) return receive();
  auto answer = std::make_shared<http::response<http::empty_body>>(status::continue_, 11);
  ends_.stream.expires_after(idle_limit_);
  http::async_write(ends_.stream, *answer,
                    [self = shared_from_this(), answer](beast::error_code error, std::size_t) {
                      if (error) return self->end(status::bad_request, error.message());
                      self->receive();
                    });
}

void RestoreUpload::receive() {
  if (!on_end_) return;
  piece_.resize(kPieceBytes);
  parser_->get().body().data = piece_.data();
  parser_->get().body().size = piece_.size();
  ends_.stream.expires_after(idle_limit_);
  http::async_read(
      ends_.stream, ends_.buffer, *parser_,
      [self = shared_from_this()](beast::error_code error, std::size_t) { self->on_piece(error); });
}

void RestoreUpload::on_piece(beast::error_code error) {
  if (!on_end_) return;
  if (error && error != http::error::need_buffer) {
    return end(status::bad_request, "the snapshot was not received: " + error.message());
  }
  moved_ = Clock::now();
  piece_.resize(piece_.size() - parser_->get().body().size);
  received_ += piece_.size();
  if (received_ > into_->bytes_max()) {
    return end(status::payload_too_large,
               "the snapshot takes more than half of what is free on the disk of dataDir");
  }
  if (const ErrorCode fault = into_->add(piece_)) {
    return end(status::internal_server_error, "the snapshot cannot be kept: " + fault.message());
  }
  if (!parser_->is_done()) return receive();
  ends_.stream.expires_never();
  log::info("restore-command received bytes=" + std::to_string(received_));
  began_ = Clock::now();
  piece_ = {};
  check();
}

/// A piece at a time: other pages are answered in between.
void RestoreUpload::check() {
  if (!on_end_) return;
  bool done = false;
  if (std::string wrong = into_->check(done); !wrong.empty()) {
    return end(status::internal_server_error, "the snapshot cannot be used: " + wrong);
  }
  if (done) return hand_over();
  asio::post(ends_.io, [self = shared_from_this()] { self->check(); });
}

void RestoreUpload::hand_over() {
  auto given = std::make_shared<TreeToRestore>(into_->take());
  into_.reset();
  given->done = [self = shared_from_this()](RestoreOutcome outcome) {
    // The old tree is taken apart over there.
    auto moved = std::make_shared<RestoreOutcome>(std::move(outcome));
    asio::post(self->ends_.io, [self, moved] { self->on_outcome(std::move(*moved)); });
  };
  ends_.ask([given](AdminSource& source) { source.restore(std::move(*given)); });
}

void RestoreUpload::on_outcome(RestoreOutcome outcome) {
  if (outcome.fault) {
    const bool elsewhere = *outcome.fault == RestoreFault::Ensemble;
    return end(elsewhere ? status::service_unavailable : status::internal_server_error,
               text_of(*outcome.fault));
  }
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began_);
  ends_.ask(
      [ms = took.count()](AdminSource& source) { source.command_counts().restore_ms.add(ms); });
  end(status::ok, "", outcome.zxid);
}

void RestoreUpload::abandon() {
  on_end_ = nullptr;
}

void RestoreUpload::end(status status, std::string error, Zxid zxid) {
  if (!on_end_) return;
  std::exchange(on_end_, nullptr)(status, std::move(error), zxid);
}

}  // namespace quorate::server
