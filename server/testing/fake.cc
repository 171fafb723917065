#include "quorate/testing/fake.h"

#include <algorithm>
#include <utility>

#include "server/testing/fake_impl.h"

namespace quorate::testing {

FakeEnsemble::FakeEnsemble(FakeOptions options) : impl_(std::make_shared<Impl>(options)) {}
FakeEnsemble::~FakeEnsemble() {
  impl_->shut_down();
}

std::string FakeEnsemble::connect_string() const {
  return impl_->connect_string();
}
std::shared_ptr<client::VirtualWorld> FakeEnsemble::world() const {
  return impl_;
}

void FakeEnsemble::drive_loop(const void* owner, std::function<bool()> poll) {
  impl_->driven.push_back(owner);
  impl_->add_loop(owner, std::move(poll));
}
void FakeEnsemble::advance(std::chrono::milliseconds span) {
  impl_->run([] { return false; }, impl_->time() + span);
}
void FakeEnsemble::settle() {
  impl_->run_until([this] { return impl_->quiet(); });
}
void FakeEnsemble::run_until(const std::function<bool()>& done) {
  impl_->run_until(done);
}
void FakeEnsemble::start_thread(std::function<void()> body) {
  impl_->start_thread(std::move(body));
}
std::chrono::milliseconds FakeEnsemble::elapsed() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(impl_->elapsed());
}

void FakeEnsemble::lose_request(Request request) {
  impl_->add({Impl::Kind::LoseRequest, std::move(request), {}, {}, {}});
}
void FakeEnsemble::lose_reply(Request request) {
  impl_->add({Impl::Kind::LoseReply, std::move(request), {}, {}, {}});
}
void FakeEnsemble::delay_reply(Request request, std::chrono::milliseconds span) {
  impl_->add({Impl::Kind::DelayReply, std::move(request), span, {}, {}});
}
void FakeEnsemble::answer(Request request, client::Code code) {
  if (request.op_ == Op::Connect || request.op_ == Op::Ping || request.op_ == Op::Close) {
    throw FakeError(std::string("answer: not for ") + name_of(request.op_));
  }
  impl_->add({Impl::Kind::Answer, std::move(request), {}, code, {}});
}
void FakeEnsemble::before(Request request, std::function<void()> action) {
  impl_->add({Impl::Kind::Before, std::move(request), {}, {}, std::move(action)});
}
void FakeEnsemble::after(Request request, std::function<void()> action) {
  impl_->add({Impl::Kind::After, std::move(request), {}, {}, std::move(action)});
}

bool FakeEnsemble::all_struck() const {
  return impl_->faults.empty();
}
std::vector<std::string> FakeEnsemble::outstanding() const {
  return impl_->outstanding();
}
void FakeEnsemble::clear_faults() {
  impl_->faults.clear();
}

void FakeEnsemble::cut() {
  impl_->cut_all();
}
void FakeEnsemble::cut(SessionId session) {
  if (const auto connection = impl_->connection_of(session)) impl_->break_off(*connection);
}
void FakeEnsemble::refuse(std::chrono::milliseconds span) {
  impl_->refuse_until(impl_->time() + span);
}
void FakeEnsemble::stall(std::chrono::milliseconds span) {
  impl_->stall_until(impl_->time() + span);
}
bool FakeEnsemble::expire(SessionId session) {
  return impl_->replica.expire(session);
}
void FakeEnsemble::stop(int server) {
  impl_->set_running(server, false);
}
void FakeEnsemble::start(int server) {
  impl_->set_running(server, true);
}
void FakeEnsemble::set_read_only(bool yes) {
  impl_->set_read_only(yes);
}

std::vector<RequestRecord> FakeEnsemble::history() const {
  return {impl_->history.begin(), impl_->history.end()};
}
int FakeEnsemble::count(Op op) const {
  const auto found = impl_->counts.find(op);
  return found == impl_->counts.end() ? 0 : found->second;
}
int FakeEnsemble::connections() const {
  return impl_->connection_count();
}

// ---- Somebody else
// -------------------------------------------------------------------------------

namespace {

/// Nobody is served: as a client without a server would be told.
client::Code code_of(const std::optional<FakeReply>& reply) {
  return reply ? reply->header.err : client::Code::ConnectionLoss;
}

template <class Record>
std::optional<FakeReply> ask(FakeReplica& replica, OpCode op, const Record& record) {
  return replica.ask(op, [&](JuteWriter& out) { encode(out, record); });
}

template <class Response>
std::optional<Response> read(FakeReplica& replica, OpCode op, const std::string& path) {
  const auto reply = ask(replica, op, PathWatchRequest{path, /*watch=*/false});
  if (code_of(reply) != client::Code::Ok) return std::nullopt;
  auto response = decode_all<Response>(reply->body);
  return response ? std::optional(std::move(*response)) : std::nullopt;
}

}  // namespace

client::Code FakeEnsemble::create(const std::string& path, const std::string& data,
                                  client::CreateMode mode) {
  const CreateRequest request{path, data, open_acl(), static_cast<std::int32_t>(mode)};
  return code_of(ask(impl_->replica, OpCode::Create, request));
}
client::Code FakeEnsemble::set(const std::string& path, const std::string& data) {
  return code_of(
      ask(impl_->replica, OpCode::SetData, SetDataRequest{path, data, client::kAnyVersion}));
}
client::Code FakeEnsemble::set_config(const std::string& text) {
  const SetDataRequest request{"/zookeeper/config", text, client::kAnyVersion};
  return code_of(impl_->replica.ask(
      OpCode::SetData, [&](JuteWriter& out) { encode(out, request); }, /*as_super=*/true));
}
client::Code FakeEnsemble::remove(const std::string& path) {
  return code_of(ask(impl_->replica, OpCode::Delete, DeleteRequest{path, client::kAnyVersion}));
}
std::optional<std::string> FakeEnsemble::get(const std::string& path) {
  const auto node = read<GetDataResponse>(impl_->replica, OpCode::GetData, path);
  if (!node) return std::nullopt;
  return node->data.value_or("");
}
std::vector<std::string> FakeEnsemble::children(const std::string& path) {
  auto node = read<GetChildrenResponse>(impl_->replica, OpCode::GetChildren, path);
  if (!node) return {};
  std::sort(node->children.begin(), node->children.end());
  return std::move(node->children);
}
std::optional<client::Stat> FakeEnsemble::stat(const std::string& path) {
  const auto node = read<StatResponse>(impl_->replica, OpCode::Exists, path);
  return node ? std::optional(node->stat) : std::nullopt;
}

}  // namespace quorate::testing
