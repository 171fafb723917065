// The admin commands snapshot and restore: a whole tree as an answer, and as a request.
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "server/admin/http_session.h"
#include "server/log/log.h"

namespace quorate::server {

namespace {

/// For a copy of the tree; on a disk that is full the wait for one may have no end.
constexpr std::chrono::minutes kCopyPatience{10};

/// As Java reads a flag: anything else is false.
bool is_true(std::string_view text) {
  return beast::iequals(text, "true");
}

}  // namespace

// ---- The command snapshot ---------------------------------------------------------------------

void HttpSession::refuse(http::status status, std::string_view error) {
  answer(status, kJson, command_error_json(route_.command->name, error));
}

/// What a request may do is known on the loop, where the tree is.
void HttpSession::ask_admission() {
  const auto& request = parser_->get();
  const auto header = request.find(http::field::authorization);
  const bool missing = header == request.end();
  AdminCaller caller;
  if (!missing) caller.authorization = std::string(header->value());
  beast::error_code ignored;
  caller.address = stream_.socket().remote_endpoint(ignored).address().to_string();
  const std::uint64_t question = ++question_;
  wait(kLoopPatience);
  core_->ask([self = shared_from_this(), question, missing,
              caller = std::move(caller)](AdminSource& source) {
    const bool serving = source.facts(kNothingMore).status.serving;
    const Admission admission = missing   ? Admission::Missing
                                : serving ? source.admit(caller)
                                          : Admission::NotAuthenticated;
    asio::post(self->core_->io, [self, question, serving, admission] {
      self->on_admission(question, serving, admission);
    });
  });
}

/// The order of the answers is ZooKeeper's.
void HttpSession::on_admission(std::uint64_t question, bool serving, Admission admission) {
  if (question != question_ || !stream_.socket().is_open()) return;
  ++question_;
  patience_.cancel();
  if (!serving) return refuse(http::status::ok, kNotServing);
  switch (admission) {
    case Admission::Missing:
      return refuse(http::status::unauthorized, "Auth info is missing for the command");
    case Admission::NotAuthenticated:
      return refuse(http::status::unauthorized, "Not authenticated");
    case Admission::NotAuthorized:
      return refuse(http::status::forbidden, "Not authorized");
    case Admission::Allowed:
      break;
  }
  if (route_.command->page == CommandPage::Restore) return receive_tree();
  if (!core_->config.admin.snapshot_enabled) {
    return refuse(http::status::service_unavailable, "admin.snapshot.enabled is false");
  }
  if (too_soon() || core_->copying) {
    count([](CommandCounts& counts) { ++counts.snapshots_limited; });
    return refuse(http::status::too_many_requests, "");
  }
  core_->last_copy = std::chrono::steady_clock::now();
  copy_tree();
}

/// ZooKeeper 3.9 counts this interval in microseconds for this command, whatever its name says.
bool HttpSession::too_soon() const {
  const std::chrono::microseconds interval(core_->config.admin.rate_limit_ms);
  return core_->last_copy && std::chrono::steady_clock::now() - *core_->last_copy < interval;
}

void HttpSession::copy_tree() {
  const auto streaming = route_.parameters.find("streaming");
  const bool keep = streaming == route_.parameters.end() || is_true(streaming->second);
  auto file = core_->open_snapshot_file(keep);
  if (!file) return on_copied(file.error());
  copy_ = std::make_shared<TreeSpool>(
      core_->io, std::move(*file),
      [self = shared_from_this()](ErrorCode fault) { self->on_copied(fault); });
  sends_file_ = keep;
  copied_ = false;
  core_->copying = true;
  wait(kCopyPatience);
  core_->ask([self = shared_from_this(), copy = copy_](AdminSource& source) {
    if (source.copy_tree(copy)) return;
    asio::post(self->core_->io, [self, copy] {
      const auto not_now = beast::errc::resource_unavailable_try_again;
      if (self->copy_ == copy) self->on_copied(beast::errc::make_error_code(not_now));
    });
  });
}

void HttpSession::on_copied(ErrorCode fault) {
  ++question_;
  patience_.cancel();
  if (!fault) {
    core_->copying = false;
    copied_ = true;
    return answer_snapshot();
  }
  end_copy();
  count([](CommandCounts& counts) { ++counts.snapshot_errors; });
  log::warn("snapshot-command-failed error=\"" + fault.message() + '"');
  refuse(http::status::internal_server_error, "the snapshot could not be made: " + fault.message());
}

void HttpSession::end_copy() {
  if (!copy_) return;
  if (!copied_) core_->copying = false;
  std::exchange(copy_, nullptr)->abandon();
}

void HttpSession::count(void (*what)(CommandCounts& counts)) {
  core_->ask([what](AdminSource& source) { what(source.command_counts()); });
}

void HttpSession::answer_snapshot() {
  const std::uint64_t size = copy_->file().size();
  const std::string zxid = to_string(copy_->zxid());
  head_.emplace(http::status::ok, 11);
  head_->set("last_zxid", zxid);
  head_->set("snapshot_size", std::to_string(size));
  head_->set(http::field::content_type, sends_file_ ? "application/octet-stream" : kJson);
  head_->set(http::field::cache_control, "no-store");
  head_->keep_alive(keep_alive_);
  std::string text;
  if (!sends_file_) text = command_error_json(route_.command->name, "");
  head_->content_length(sends_file_ ? size : text.size());
  log::info("snapshot-command zxid=" + zxid + " bytes=" + std::to_string(size));
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  piece_.assign(begin, begin + text.size());
  sent_ = 0;
  header_.emplace(*head_);
  stream_.expires_after(std::chrono::milliseconds(core_->config.admin.idle_timeout_ms));
  http::async_write_header(stream_, *header_,
                           [self = shared_from_this()](beast::error_code error, std::size_t) {
                             if (error) return self->close();
                             self->send_snapshot();
                           });
}

/// Piece by piece, at the pace of whoever reads; the time limit is for each.
void HttpSession::send_snapshot() {
  reading_since_ = std::chrono::steady_clock::now();
  if (copy_ && sends_file_ && !is_head()) {
    piece_.resize(kSentAtOnce);
    const auto read = copy_->file().read(sent_, piece_);
    // The length has been promised: only the end of the connection can tell now.
    if (!read) return close();
    piece_.resize(*read);
    sent_ += *read;
  }
  if (piece_.empty() || is_head()) {
    end_copy();
    return keep_alive_ ? this->read() : close();
  }
  stream_.expires_after(std::chrono::milliseconds(core_->config.admin.idle_timeout_ms));
  asio::async_write(stream_, asio::buffer(piece_),
                    [self = shared_from_this()](beast::error_code error, std::size_t) {
                      if (error) return self->close();
                      self->piece_.clear();
                      self->send_snapshot();
                    });
}

// ---- The command restore ----------------------------------------------------------------------

void HttpSession::receive_tree() {
  const AdminConfig& admin = core_->config.admin;
  if (!admin.restore_enabled) {
    return refuse(http::status::service_unavailable, "admin.restore.enabled is false");
  }
  if (!core_->config.ensemble.standalone) {
    return refuse(http::status::service_unavailable,
                  "a member of an ensemble does not replace its tree alone, the others would keep "
                  "theirs; stop all servers, give each an empty dataDir and the same snapshot by "
                  "quorate-server --import, and start them");
  }
  const std::chrono::milliseconds interval(admin.rate_limit_ms);
  const auto now = std::chrono::steady_clock::now();
  if (core_->restoring || (core_->last_restore && now - *core_->last_restore < interval)) {
    count([](CommandCounts& counts) { ++counts.restores_limited; });
    return refuse(http::status::too_many_requests, "");
  }
  core_->last_restore = now;
  auto into = core_->open_received_snapshot();
  if (!into) return on_restored(http::status::internal_server_error, into.error().message(), {});
  core_->restoring = true;
  RestoreUpload::Ends ends{core_->io, stream_, buffer_, core_->ask};
  // Until it is let go of below or in close(): a read under way needs stream and buffer to its end.
  upload_ = std::make_shared<RestoreUpload>(
      shared_from_this(), std::move(ends), std::move(*into),
      std::chrono::milliseconds(admin.idle_timeout_ms),
      [self = shared_from_this()](http::status status, const std::string& error, Zxid zxid) {
        self->core_->restoring = false;
        self->upload_ = nullptr;
        self->on_restored(status, error, zxid);
      });
  const auto upload = upload_;  // It may end at once.
  upload->start(std::move(*parser_));
}

void HttpSession::on_restored(http::status status, const std::string& error, Zxid zxid) {
  parser_.reset();
  stream_.expires_never();
  if (status == http::status::ok) {
    has_body_ = false;  // All of it has been read.
    return answer(status, kJson, restored_json(route_.command->name, zxid));
  }
  count([](CommandCounts& counts) { ++counts.restore_errors; });
  log::warn("restore-command-failed error=\"" + error + '"');
  refuse(status, error);
}

}  // namespace quorate::server
