#include "server/admin/http_session.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "server/admin/command_table.h"
#include "server/admin/prometheus.h"

namespace quorate::server {

namespace {

constexpr std::chrono::seconds kLinger{2};
constexpr const char* kText = "text/plain; charset=utf-8";

}  // namespace

void HttpSession::read() {
  response_.reset();
  parser_.emplace();
  parser_->header_limit(kHeaderBytesMax);
  // Bodies are not taken, but the one of restore: a request that has one is answered and its
  // connection closed.
  parser_->body_limit(boost::none);
  reading_since_ = std::chrono::steady_clock::now();
  stream_.expires_after(std::chrono::milliseconds(core_->config.admin.idle_timeout_ms));
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](beast::error_code error, std::size_t) {
        if (!error) return self->on_header();
        if (error == http::error::header_limit || error == http::error::buffer_overflow) {
          self->keep_alive_ = false;
          return self->answer(http::status::request_header_fields_too_large, kText,
                              "the header is too large\n");
        }
        self->close();
      });
}

void HttpSession::close() {
  beast::error_code ignored;
  end_copy();
  if (upload_) {
    core_->restoring = false;
    std::exchange(upload_, nullptr)->abandon();
  }
  patience_.cancel();
  stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
  stream_.close();
  core_->sessions.erase(shared_from_this());
}

void HttpSession::on_header() {
  stream_.expires_never();
  const auto& request = parser_->get();
  has_body_ = request.has_content_length() || request.chunked();
  keep_alive_ = request.keep_alive() && !has_body_;
  route_ = route_of(request.method_string(), request.target(), core_->config.admin, metrics_only_);
  switch (route_.page) {
    case Page::CommandList:
      return answer(http::status::ok, "text/html; charset=utf-8",
                    command_list_html(core_->config.admin));
    case Page::UnknownCommand:
      return answer(http::status::ok, kJson,
                    command_error_json(route_.name, "Unknown command: " + route_.name));
    case Page::NotFound:
      return answer(http::status::not_found, kText, "no such page\n");
    case Page::Forbidden:
      return answer(http::status::forbidden, kText, "forbidden\n");
    case Page::Refused:
      // ZooKeeper's status for a command by the wrong method.
      return answer(route_.command != nullptr ? http::status::internal_server_error
                                              : http::status::method_not_allowed,
                    kText, "not by this method\n");
    case Page::Metrics:
      return ask(kMetrics);
    case Page::Health:
    case Page::Ready:
      return ask(kNothingMore);
    case Page::Command:
      break;
  }
  if (route_.command->page != CommandPage::Json) return ask_admission();
  if (route_.command->fault != nullptr) {
    const std::string_view fault = route_.command->fault(route_.parameters);
    if (!fault.empty()) {
      return answer(http::status::ok, kJson, command_error_json(route_.command->name, fault));
    }
  }
  ask(route_.command->wants);
}

/// The loop copies what is wanted; everything else happens on this thread.
void HttpSession::ask(unsigned wants) {
  const std::uint64_t question = ++question_;
  wait(kLoopPatience);
  const CommandRow* act = route_.page == Page::Command ? route_.command : nullptr;
  core_->ask([self = shared_from_this(), wants, act, question,
              parameters = route_.parameters](AdminSource& source) {
    if (act != nullptr && act->act != nullptr) act->act(source, parameters);
    asio::post(self->core_->io, [self, question, facts = source.facts(wants)]() mutable {
      self->on_facts(question, std::move(facts));
    });
  });
}

void HttpSession::wait(std::chrono::seconds limit) {
  patience_.expires_after(limit);
  patience_.async_wait([self = shared_from_this(), question = question_](beast::error_code error) {
    if (!error && question == self->question_) self->on_silence();
  });
}

void HttpSession::on_silence() {
  ++question_;
  if (copy_) {
    end_copy();
    return refuse(http::status::service_unavailable,
                  "the checkpoint could not be renewed in time; the log says why");
  }
  answer(http::status::service_unavailable, kText, "the event loop does not answer\n");
}

void HttpSession::on_facts(std::uint64_t question, AdminFacts facts) {
  if (question != question_ || !stream_.socket().is_open()) return;
  ++question_;
  patience_.cancel();
  const bool alone = core_->config.ensemble.standalone;
  switch (route_.page) {
    case Page::Health:
      return answer(http::status::ok, kText, "ok\n");
    case Page::Ready:
      return facts.status.serving
                 ? answer(http::status::ok, kText, "serving mode=" + facts.status.mode + '\n')
                 : answer(http::status::service_unavailable, kText, "not serving\n");
    case Page::Metrics:
      return answer(http::status::ok, "text/plain; version=0.0.4; charset=utf-8",
                    prometheus_text(facts, alone));
    default:
      return answer_command(*route_.command, facts);
  }
}

void HttpSession::answer_command(const CommandRow& row, const AdminFacts& facts) {
  const CommandContext context{core_->config, facts, core_->config_text};
  answer(http::status::ok, kJson, command_json(row, context));
}

bool HttpSession::is_head() const {
  return parser_ && parser_->is_header_done() && parser_->get().method() == http::verb::head;
}

void HttpSession::answer(http::status status, const char* type, std::string body) {
  const bool head = is_head();
  const std::size_t size = body.size();
  response_.emplace(status, 11);
  response_->set(http::field::content_type, type);
  response_->set(http::field::cache_control, "no-store");
  response_->keep_alive(keep_alive_);
  if (!head) response_->body() = std::move(body);
  response_->content_length(size);
  write();
}

void HttpSession::write() {
  stream_.expires_after(std::chrono::milliseconds(core_->config.admin.idle_timeout_ms));
  http::async_write(stream_, *response_,
                    [self = shared_from_this()](beast::error_code error, std::size_t) {
                      if (error || (!self->keep_alive_ && !self->has_body_)) return self->close();
                      self->keep_alive_ ? self->read() : self->linger();
                    });
}

/// Whoever still sends a body would lose the answer if the connection were closed on it.
void HttpSession::linger() {
  beast::error_code ignored;
  stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  stream_.expires_after(kLinger);
  piece_.resize(kSentAtOnce);
  discard();
}

void HttpSession::discard() {
  stream_.async_read_some(asio::buffer(piece_),
                          [self = shared_from_this()](beast::error_code error, std::size_t) {
                            if (error) return self->close();
                            self->discard();
                          });
}

}  // namespace quorate::server
