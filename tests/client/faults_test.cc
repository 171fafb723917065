// Lost replies and connections: what is kept, what is told, what is asked again.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <future>

#include "quorate/retry.h"
#include "quorate/sync_retry.h"
#include "tests/client/live.h"
#include "tests/client/proxy.h"

using namespace quorate;
using namespace quorate::client;
using namespace quorate::client::live;
using Lines = std::vector<std::string>;

namespace {

ConnectOptions through(const Proxy& proxy) {
  ConnectOptions out = options();
  out.servers = proxy.servers();
  return out;
}

/// States as they are told; waits for one.
class States {
 public:
  explicit States(SyncClient& client) {
    client.add_session_listener([kept = kept_](const SessionEvent& event) {
      const std::lock_guard lock(kept->mutex);
      kept->all.push_back(name_of(event.state));
      kept->changed.notify_all();
    });
  }

  Lines until(const std::string& last) {
    std::unique_lock lock(kept_->mutex);
    kept_->changed.wait_for(lock, 15s,
                            [&] { return !kept_->all.empty() && kept_->all.back() == last; });
    return kept_->all;
  }

 private:
  struct Kept {
    std::mutex mutex;
    std::condition_variable changed;
    Lines all;
  };
  std::shared_ptr<Kept> kept_ = std::make_shared<Kept>();
};

template <class T>
T get(std::future<T> future) {
  REQUIRE(future.wait_for(20s) == std::future_status::ready);
  return future.get();
}

}  // namespace

TEST_CASE("reconnect: session, watches of all kinds and identities are kept") {
  Proxy proxy;
  Session s(through(proxy));
  Session other;
  States states(s.client);
  const SessionId session = s.client.session_id();
  REQUIRE(s.client.add_auth("digest", "ann:secret").ok());
  const AclList mine{Acl{perm::kAll, AuthId{"auth", ""}}};
  REQUIRE(s.client.create(s.at("mine"), "x", CreateOptions(CreateMode::Persistent, mine)).ok());
  Events data, below;
  REQUIRE(s.client.get_data(s.path, data.callback()).ok());
  REQUIRE(s.client.add_watch(s.path, AddWatchMode::PersistentRecursive, below.callback()).ok());

  proxy.cut();
  CHECK(states.until("reconnected") == Lines{"suspended", "reconnected"});
  CHECK(s.client.session_id() == session);
  CHECK(s.client.get_data(s.at("mine")).ok());
  REQUIRE(other.client.create(s.at("new"), "").ok());
  REQUIRE(other.client.set_data(s.path, "2").ok());
  CHECK(below.first(2) == Lines{"NodeCreated " + s.at("new"), "NodeDataChanged " + s.path});
  CHECK(data.first(1) == Lines{"NodeDataChanged " + s.path});
}

TEST_CASE("reconnect: a one-shot watch tells what happened meanwhile") {
  Proxy proxy;
  Session s(through(proxy));
  Session other;
  Events data;
  REQUIRE(s.client.get_data(s.path, data.callback()).ok());
  proxy.refuse(true);
  proxy.cut();
  REQUIRE(other.client.set_data(s.path, "2").ok());
  proxy.refuse(false);
  CHECK(data.first(1) == Lines{"NodeDataChanged " + s.path});
}

TEST_CASE("a lost reply is ConnectionLoss; what waited for a link is sent on the next") {
  Proxy proxy;
  Session s(through(proxy));
  proxy.lose_reply(OpCode::Create2);
  CHECK(s.client.create(s.at("a"), "").code == Code::ConnectionLoss);
  CHECK(s.client.exists(s.at("a")).ok());
}

TEST_CASE("expired: told as a state and as the answer of everything") {
  ConnectOptions with = options();
  Proxy proxy;
  with.servers = proxy.servers();
  with.session_timeout = 1s;
  Session s(with);
  States states(s.client);
  REQUIRE(s.client.create(s.at("e"), "", CreateMode::Ephemeral).ok());
  Events data;
  REQUIRE(s.client.get_data(s.path, data.callback()).ok());
  Session other;
  Events gone;
  REQUIRE(other.client.exists(s.at("e"), gone.callback()).ok());
  proxy.refuse(true);
  proxy.cut();
  CHECK(gone.first(1) == Lines{"NodeDeleted " + s.at("e")});  // The server has expired it.
  proxy.refuse(false);
  CHECK(states.until("expired") == Lines{"suspended", "expired"});
  CHECK(s.client.exists(s.path).code == Code::SessionExpired);
  CHECK(data.first(1) == Lines{"None "});
}

TEST_CASE("limits: an operation without a link ends in time") {
  Proxy proxy;
  Session s(through(proxy));
  States states(s.client);
  proxy.refuse(true);
  proxy.cut();
  states.until("suspended");
  CHECK(s.client.with_timeout(100ms).exists(s.path).code == Code::OperationTimeout);
}

TEST_CASE("limits: what is too much is refused at once, the rest goes on") {
  Proxy proxy;
  ConnectOptions with = through(proxy);
  with.pending_max = 10;
  Session s(with);
  States states(s.client);
  proxy.refuse(true);
  proxy.cut();
  states.until("suspended");
  std::vector<std::future<Stat>> waiting;
  for (int i = 0; i < 20; ++i) {
    waiting.push_back(s.client.async_face().async_exists(s.path, asio::use_future));
  }
  int refused = 0;
  for (int i = 10; i < 20; ++i) {
    try {
      get(std::move(waiting[i]));
    } catch (const boost::system::system_error& error) {
      refused += error.code() == ErrorCode(ClientErrc::QueueFull) ? 1 : 0;
    }
  }
  CHECK(refused == 10);
  proxy.refuse(false);
  for (int i = 0; i < 10; ++i) CHECK(get(std::move(waiting[i])).version == 0);
}

TEST_CASE("retry: each write is done once, whether its reply arrives or not") {
  Proxy proxy;
  Session s(through(proxy));
  Retry retry(s.client.async_face());
  auto created = [&](const std::string& name, CreateMode mode) {
    proxy.lose_reply(OpCode::Create2);
    return get(retry.async_create(s.at(name), Buffer("x"), CreateOptions(mode), asio::use_future));
  };
  const CreateReply item = created("item-", CreateMode::EphemeralSequential);
  CHECK(item.path.starts_with(s.at("_c_")));
  CHECK(item.stat.ephemeral_owner == s.client.session_id().value);
  CHECK(created("kept-", CreateMode::PersistentSequential).path.starts_with(s.at("_c_")));
  CHECK(created("e", CreateMode::Ephemeral).path == s.at("e"));
  CHECK(s.client.get_children(s.path).value.children.size() == 3);

  proxy.lose_reply(OpCode::SetData);
  CHECK(get(retry.async_set_data(s.path, Buffer("new"), 0, asio::use_future)).version == 1);
  proxy.lose_reply(OpCode::Delete);
  get(retry.async_remove(s.at("e"), kAnyVersion, asio::use_future));
  CHECK(s.client.exists(s.at("e")).code == Code::NoNode);
  proxy.lose_reply(OpCode::GetData);
  CHECK(get(retry.async_get_data(s.path, asio::use_future)).data == "new");
}

TEST_CASE("retry: the blocking face does the same") {
  Proxy proxy;
  Session s(through(proxy));
  SyncRetry retry(s.client);
  proxy.lose_reply(OpCode::Create2);
  const auto made = retry.create(s.at("n-"), "x", CreateMode::EphemeralSequential);
  CHECK(made.ok());
  proxy.lose_reply(OpCode::SetData);
  CHECK(retry.set_data(made.value.path, "y", 0).value.version == 1);
  CHECK(retry.get_data(made.value.path).value.data == "y");
  CHECK(retry.exists(made.value.path).ok());
  CHECK(retry.get_children(s.path).value.children.size() == 1);
  proxy.lose_reply(OpCode::Delete);
  CHECK(retry.remove(made.value.path).ok());
  CHECK(retry.sync(s.path).ok());
  CHECK(retry.remove(made.value.path).code == Code::NoNode);
}

TEST_CASE("retry: a list of rights is known again by its entries") {
  Proxy proxy;
  Session s(through(proxy));
  SyncRetry retry(s.client);
  const AclList mine = {{perm::kRead, {"world", "anyone"}}, {perm::kAll, {"ip", "127.0.0.1"}}};
  proxy.lose_reply(OpCode::SetAcl);
  const auto set = retry.set_acl(s.path, mine, 0);
  REQUIRE_MESSAGE(set.ok(), set.message);
  CHECK(set.value.aversion == 1);
  proxy.lose_reply(OpCode::GetAcl);
  CHECK(retry.get_acl(s.path).value.acl == mine);
  // An answer is an answer; so is what another has set meanwhile.
  CHECK(retry.set_acl(s.path, mine, 0).code == Code::BadVersion);
  REQUIRE(s.client.add_auth("digest", "me:secret").ok());
  AclList replaced = mine;
  replaced.push_back({perm::kRead, {"auth", ""}});
  proxy.lose_reply(OpCode::SetAcl);
  const auto unknown = retry.set_acl(s.path, replaced, 1);
  CHECK(unknown.code == Code::SystemError);
  CHECK(retry.get_acl(s.path).value.stat.aversion == 2);
}

TEST_CASE("retry: what cannot be told is not claimed") {
  Proxy proxy;
  Session s(through(proxy));
  Session other;
  Retry retry(s.client.async_face());
  auto error_of = [](auto future) {
    try {
      get(std::move(future));
    } catch (const boost::system::system_error& error) {
      return error.code();
    }
    return ErrorCode();
  };
  // An answer is an answer: no doubt, no judging.
  CHECK(error_of(retry.async_create(s.path, Buffer(), CreateOptions(), asio::use_future)) ==
        ErrorCode(Code::NodeExists));
  CHECK(error_of(retry.async_remove(s.at("none"), kAnyVersion, asio::use_future)) ==
        ErrorCode(Code::NoNode));
  CHECK(error_of(retry.async_set_data(s.path, Buffer("x"), 7, asio::use_future)) ==
        ErrorCode(Code::BadVersion));
  // In doubt, and there is a node: ours or another's?
  proxy.lose_reply(OpCode::Create2);
  CHECK(error_of(retry.async_create(s.at("p"), Buffer("x"), CreateOptions(), asio::use_future)) ==
        ErrorCode(ClientErrc::OutcomeUnknown));
  REQUIRE(other.client.create(s.at("e"), "x", CreateMode::Ephemeral).ok());
  proxy.lose_reply(OpCode::Create2);
  CHECK(error_of(retry.async_create(s.at("e"), Buffer("x"), CreateOptions(CreateMode::Ephemeral),
                                    asio::use_future)) == ErrorCode(Code::NodeExists));
}

TEST_CASE("retry: gives up when its time is over") {
  Proxy proxy;
  Session s(through(proxy));
  proxy.refuse(true);
  proxy.cut();
  const Client brief = s.client.async_face().with_timeout(50ms);
  Retry retry(brief, RetryPolicy(200ms));
  ErrorCode error;
  try {
    get(retry.async_exists(s.path, asio::use_future));
  } catch (const boost::system::system_error& failed) {
    error = failed.code();
  }
  CHECK(error == ErrorCode(Code::OperationTimeout));
}

TEST_CASE("cancellation: every operation can be given up; its reply is forgotten, no more") {
  Proxy proxy;
  ConnectOptions with = through(proxy);
  Session s(with);
  States states(s.client);
  Client& client = s.client.async_face();
  Retry retry(client);
  proxy.refuse(true);
  proxy.cut();
  states.until("suspended");

  int ended = 0;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::unique_ptr<asio::cancellation_signal>> signals;
  auto token = [&] {
    signals.push_back(std::make_unique<asio::cancellation_signal>());
    return asio::bind_cancellation_slot(signals.back()->slot(), [&](ErrorCode error, auto&&...) {
      CHECK(error == ErrorCode(asio::error::operation_aborted));
      const std::lock_guard lock(mutex);
      ++ended;
      changed.notify_all();
    });
  };
  Transaction t;
  t.check("/", 0);
  ReadBatch b;
  b.get_data("/");
  client.async_create("/x", Buffer(), CreateOptions(), token());
  client.async_get_data("/x", token());
  client.async_set_data("/x", Buffer(), 0, token());
  client.async_exists("/x", token());
  client.async_remove("/x", 0, token());
  client.async_get_children("/x", token());
  client.async_sync("/x", token());
  client.async_get_acl("/x", token());
  client.async_set_acl("/x", open_acl(), 0, token());
  client.async_add_auth("digest", "a:b", token());
  client.async_commit(t, token());
  client.async_multi_read(b, token());
  client.async_add_watch("/x", AddWatchMode::Persistent, Watcher([](const WatchEvent&) {}),
                         token());
  client.async_remove_watches("/x", WatchType::Any, Watcher(), false, token());
  client.async_check_watches("/x", WatchType::Any, token());
  client.async_get_ephemerals("/", token());
  client.async_get_all_children_number("/x", token());
  client.async_who_am_i(token());
  client.async_get_config(Watcher(), token());
  client.async_reconfig(ReconfigOptions(), token());
  WatchStream stream(client);
  stream.async_next(token());
  retry.async_exists("/x", token());
  retry.async_create("/x", Buffer(), CreateOptions(), token());
  for (auto& signal : signals) signal->emit(asio::cancellation_type::terminal);
  std::unique_lock lock(mutex);
  changed.wait_for(lock, 10s, [&] { return ended == static_cast<int>(signals.size()); });
  CHECK(ended == static_cast<int>(signals.size()));
  lock.unlock();
  proxy.refuse(false);
  CHECK(s.client.exists(s.path).ok());
}

TEST_CASE("errors: those of the asynchronous face name operation and path, too") {
  Session s;
  const std::string path = s.at("none");
  std::string described, thrown;
  try {
    s.client.async_face().async_get_data(path, asio::use_future).get();
  } catch (const boost::system::system_error& error) {
    described = describe(error.code());
    thrown = error.what();
  }
  CHECK(described.starts_with("getData " + path + ": "));
  CHECK(thrown.find("getData " + path) != std::string::npos);
}

TEST_CASE("update_servers: the session moves with the new list") {
  Proxy old_one;
  Proxy new_one;
  Session s(through(old_one));
  States states(s.client);
  const SessionId session = s.client.session_id();
  CHECK(s.client.update_servers("").code != Code::Ok);
  CHECK(s.client.update_servers("127.0.0.1:1/other").message.find("chroot") != std::string::npos);
  REQUIRE(s.client.update_servers(new_one.servers()).ok());
  CHECK(states.until("reconnected") == Lines{"suspended", "reconnected"});
  CHECK(new_one.connections() == 1);
  CHECK(s.client.session_id() == session);
}
