// A session with a ZooKeeper ensemble, for Asio programs. Needs Boost 1.81 or later.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "quorate/errors.h"
#include "quorate/options.h"
#include "quorate/transaction.h"
#include "quorate/types.h"
#include "quorate/watch.h"

namespace quorate::client {

class Client;
class Connection;
/// Inside the library: the world that the client was given or made.
const std::shared_ptr<Runtime>& runtime_of(const Client& client);

/// What became of the attempts to connect.
struct ConnectReport {
  /// A host that was tried in vain.
  struct Failure {
    std::string server;  ///< "host:port".
    ErrorCode reason;    ///< Of its latest attempt.
  };
  std::string server;  ///< The one connected to; "" on failure.
  SessionId session_id;
  std::int64_t timeout_ms = 0;
  std::vector<Failure>
      failures;  ///< One per host that was tried and failed, in order of first trial.
};

/// One session. Reconnects by itself to any host of the connect string, keeping the session and
/// its watches, until the session expires or the client is closed; then a new Client is needed.
///
/// Every operation may be called from any thread and before the connection stands (it then waits).
/// Operations called from one thread are carried out in that order and complete in that order.
/// Handlers run on their associated executor, else on the client's strand (get_executor()).
///
/// Errors of every operation besides its own:
///  - Code::ConnectionLoss    the link broke before the reply: a write may or may not have
///  happened;
///  - Code::OperationTimeout  no reply within ConnectOptions::operation_timeout; same doubt;
///  - Code::SessionExpired, Code::AuthFailed, ClientErrc::Closed   the session is over;
///  - ClientErrc::QueueFull, RequestTooLarge     refused, nothing was sent;
///  - Code::BadArguments      the path is none, or the server refused it;
///  - Code::NotReadOnly       a write, while the state is ReadOnly;
///  - operation_canceled      cancelled through the token: only the reply is forgotten.
/// describe(error) (errors.h) and ErrorCode::what() name the operation and its path.
class Client {
 public:
  Client(asio::any_io_executor executor, ConnectOptions options);
  /// Drops the connection. The session lives on until it expires; see async_close().
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// The strand on which everything of this client happens.
  asio::any_io_executor get_executor() const;

  /// The same session with another limit for operations begun here: `client.with_timeout(100ms)
  /// .async_exists(...)`. Its destruction ends nothing; it must not be used to connect.
  Client with_timeout(std::chrono::milliseconds operation_timeout) const;

  /// The limit for operations begun here.
  std::chrono::milliseconds operation_timeout() const { return timeout_; }

  SessionState state() const;    ///< Any thread; may be stale by the time it is looked at.
  SessionId session_id() const;  ///< Any thread; 0 before the first connection.

  /// The connect string in use: that of ConnectOptions, of async_update_servers(), or what
  /// ConnectOptions::follow_ensemble has made of it. For the next client, too. Any thread.
  std::string servers() const;

  /// Tells `listener` every change of state, on the strand, before the operations it makes fail.
  /// Returns a number for remove_session_listener(). Any thread; takes effect in the order of
  /// calls.
  std::uint64_t add_session_listener(std::function<void(const SessionEvent&)> listener);
  /// Does not wait: the listener may be called once more after it has returned, so it must hold
  /// what it uses, e.g. by a std::shared_ptr.
  void remove_session_listener(std::uint64_t id);

  /// Starts connecting and waits for the first session. Once per client.
  ///
  /// Completes with:
  ///  - no error      the session stands;
  ///  - EmptyConnectString, BadHost, BadPort, BadChroot, TlsBad...   nothing was tried;
  ///  - NoServer      connect_timeout passed; the report names each host and reason; client is
  ///  closed.
  template <asio::completion_token_for<void(ErrorCode, ConnectReport)> Token>
  auto async_connect(Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, ConnectReport)>(
        [this](auto handler) { start_connect(std::move(handler)); }, token);
  }
  using ConnectHandler = asio::any_completion_handler<void(ErrorCode, ConnectReport)>;
  void start_connect(ConnectHandler handler);

  /// Ends the session: what was asked before is still done, ephemerals go at once; what is asked
  /// from now on is refused with ClientErrc::Closed. Always completes without error, and in time:
  /// without a connection at once, beside a server that has said nothing for three seconds then.
  /// Both, and cancellation, leave the session to expire on the servers.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_close(Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler) { start_close(std::move(handler)); }, token);
  }
  using DoneHandler = asio::any_completion_handler<void(ErrorCode)>;
  void start_close(DoneHandler handler);

  /// Other hosts from now on, e.g. after a reconfig. May move the connection, keeping the session,
  /// so that in the mean each server of the new list gets its share of clients and no more than
  /// needed move (ZooKeeper's rule). The chroot must stay.
  ///
  ///  - EmptyConnectString, BadHost, BadPort, BadChroot: nothing was changed.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_update_servers(std::string connect_string, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::string s) {
          start_update_servers(std::move(s), std::move(handler));
        },
        token, std::move(connect_string));
  }
  void start_update_servers(std::string connect_string, DoneHandler handler);

  /// Creates a node. Not safe to repeat after ConnectionLoss: NodeExists may be one's own.
  ///
  ///  - Code::NoNode                    the parent does not exist;
  ///  - Code::NodeExists                the node does;
  ///  - Code::NoChildrenForEphemerals   the parent is ephemeral;
  ///  - Code::NoAuth, Code::InvalidAcl.
  template <asio::completion_token_for<void(ErrorCode, CreateReply)> Token>
  auto async_create(std::string path, Buffer data, CreateOptions options, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, CreateReply)>(
        [this](auto handler, std::string p, Buffer d, CreateOptions o) {
          start_create(std::move(p), std::move(d), std::move(o), std::move(handler));
        },
        token, std::move(path), std::move(data), std::move(options));
  }
  using CreateHandler = asio::any_completion_handler<void(ErrorCode, CreateReply)>;
  void start_create(std::string path, Buffer data, CreateOptions options, CreateHandler handler);

  /// Reads the data and Stat of the node at `path` from the connected server's own tree; may lag
  /// others' writes (async_sync() first where that matters). Safe to repeat.
  ///
  ///  - Code::NoNode, Code::NoAuth: no watch is set then.
  template <asio::completion_token_for<void(ErrorCode, GetDataReply)> Token>
  auto async_get_data(std::string path, Watcher watcher, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, GetDataReply)>(
        [this](auto handler, std::string p, Watcher w) {
          start_get_data(std::move(p), std::move(w), std::move(handler));
        },
        token, std::move(path), std::move(watcher));
  }
  template <asio::completion_token_for<void(ErrorCode, GetDataReply)> Token>
  auto async_get_data(std::string path, Token&& token) {
    return async_get_data(std::move(path), Watcher(), std::forward<Token>(token));
  }
  using GetDataHandler = asio::any_completion_handler<void(ErrorCode, GetDataReply)>;
  void start_get_data(std::string path, Watcher watcher, GetDataHandler handler);

  /// Replaces the data if `version` is the node's (kAnyVersion: whatever it is). With a version it
  /// is safe to repeat: BadVersion then tells that someone, perhaps oneself, was faster.
  ///
  ///  - Code::NoNode, Code::BadVersion, Code::NoAuth.
  template <asio::completion_token_for<void(ErrorCode, Stat)> Token>
  auto async_set_data(std::string path, Buffer data, std::int32_t version, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, Stat)>(
        [this](auto handler, std::string p, Buffer d, std::int32_t v) {
          start_set_data(std::move(p), std::move(d), v, std::move(handler));
        },
        token, std::move(path), std::move(data), version);
  }
  using StatHandler = asio::any_completion_handler<void(ErrorCode, Stat)>;
  void start_set_data(std::string path, Buffer data, std::int32_t version, StatHandler handler);

  /// Reads the Stat. The watch is also set when there is no such node (Code::NoNode): it then fires
  /// when the node appears. Safe to repeat.
  template <asio::completion_token_for<void(ErrorCode, Stat)> Token>
  auto async_exists(std::string path, Watcher watcher, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, Stat)>(
        [this](auto handler, std::string p, Watcher w) {
          start_exists(std::move(p), std::move(w), std::move(handler));
        },
        token, std::move(path), std::move(watcher));
  }
  template <asio::completion_token_for<void(ErrorCode, Stat)> Token>
  auto async_exists(std::string path, Token&& token) {
    return async_exists(std::move(path), Watcher(), std::forward<Token>(token));
  }
  void start_exists(std::string path, Watcher watcher, StatHandler handler);

  /// Deletes the node (`delete` is a keyword) if `version` is the node's.
  ///
  ///  - Code::NoNode, Code::BadVersion, Code::NotEmpty, Code::NoAuth.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_remove(std::string path, std::int32_t version, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::string p, std::int32_t v) {
          start_remove(std::move(p), v, std::move(handler));
        },
        token, std::move(path), version);
  }
  void start_remove(std::string path, std::int32_t version, DoneHandler handler);

  /// Names of the children, in no order, and the node's Stat. Safe to repeat.
  ///
  ///  - Code::NoNode, Code::NoAuth: no watch is set then.
  template <asio::completion_token_for<void(ErrorCode, GetChildrenReply)> Token>
  auto async_get_children(std::string path, Watcher watcher, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, GetChildrenReply)>(
        [this](auto handler, std::string p, Watcher w) {
          start_get_children(std::move(p), std::move(w), std::move(handler));
        },
        token, std::move(path), std::move(watcher));
  }
  template <asio::completion_token_for<void(ErrorCode, GetChildrenReply)> Token>
  auto async_get_children(std::string path, Token&& token) {
    return async_get_children(std::move(path), Watcher(), std::forward<Token>(token));
  }
  using GetChildrenHandler = asio::any_completion_handler<void(ErrorCode, GetChildrenReply)>;
  void start_get_children(std::string path, Watcher watcher, GetChildrenHandler handler);

  /// Brings the connected server up to all that was committed before; the node need not exist.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_sync(std::string path, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::string p) { start_sync(std::move(p), std::move(handler)); },
        token, std::move(path));
  }
  void start_sync(std::string path, DoneHandler handler);

  /// Who may do what with the node, and its Stat. Hashes of digest entries are masked for those who
  /// may not change the list. Safe to repeat.
  ///
  ///  - Code::NoNode, Code::NoAuth.
  template <asio::completion_token_for<void(ErrorCode, GetAclReply)> Token>
  auto async_get_acl(std::string path, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, GetAclReply)>(
        [this](auto handler, std::string p) { start_get_acl(std::move(p), std::move(handler)); },
        token, std::move(path));
  }
  using GetAclHandler = asio::any_completion_handler<void(ErrorCode, GetAclReply)>;
  void start_get_acl(std::string path, GetAclHandler handler);

  /// Replaces the list if `version` is the node's Stat::aversion. Safe to repeat with a version.
  ///
  ///  - Code::NoNode, Code::BadVersion, Code::NoAuth, Code::InvalidAcl.
  template <asio::completion_token_for<void(ErrorCode, Stat)> Token>
  auto async_set_acl(std::string path, AclList acl, std::int32_t version, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, Stat)>(
        [this](auto handler, std::string p, AclList a, std::int32_t v) {
          start_set_acl(std::move(p), std::move(a), v, std::move(handler));
        },
        token, std::move(path), std::move(acl), version);
  }
  void start_set_acl(std::string path, AclList acl, std::int32_t version, StatHandler handler);

  /// Proves an identity, e.g. "digest" with "user:password", now and on every further connection of
  /// this session, before anything that waits then. Completes when a server has accepted it. An
  /// error other than AuthFailed does not take it back. Safe to repeat.
  ///
  ///  - Code::AuthFailed   refused (the scheme is unknown, or so is the identity): the session is
  ///  over;
  ///  - QueueFull          more identities than a session can have.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_add_auth(std::string scheme, std::string identity, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::string s, std::string i) {
          start_add_auth(std::move(s), std::move(i), std::move(handler));
        },
        token, std::move(scheme), std::move(identity));
  }
  void start_add_auth(std::string scheme, std::string identity, DoneHandler handler);

  /// Carries out all writes of `transaction` or none. Not safe to repeat unless a check or version
  /// in it makes it so.
  ///
  /// Completes with the error of the operation that failed; TransactionReply::failed says which.
  template <asio::completion_token_for<void(ErrorCode, TransactionReply)> Token>
  auto async_commit(Transaction transaction, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, TransactionReply)>(
        [this](auto handler, Transaction t) { start_commit(std::move(t), std::move(handler)); },
        token, std::move(transaction));
  }
  using CommitHandler = asio::any_completion_handler<void(ErrorCode, TransactionReply)>;
  void start_commit(Transaction transaction, CommitHandler handler);

  /// Does all reads of `batch` at once. No error also when some of them failed: look at
  /// ReadBatchReply::code(). Safe to repeat. Needs ZooKeeper 3.6 or later.
  template <asio::completion_token_for<void(ErrorCode, ReadBatchReply)> Token>
  auto async_multi_read(ReadBatch batch, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, ReadBatchReply)>(
        [this](auto handler, ReadBatch b) { start_multi_read(std::move(b), std::move(handler)); },
        token, std::move(batch));
  }
  using MultiReadHandler = asio::any_completion_handler<void(ErrorCode, ReadBatchReply)>;
  void start_multi_read(ReadBatch batch, MultiReadHandler handler);

  /// Sets a watch that stays, on a node that need not exist. Safe to repeat: one `watcher` is told
  /// once of each event. After a lost connection it is set again, but what happened meanwhile is
  /// not told. Needs ZooKeeper 3.6 or later.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_add_watch(std::string path, AddWatchMode mode, Watcher watcher, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::string p, AddWatchMode m, Watcher w) {
          start_add_watch(std::move(p), m, std::move(w), std::move(handler));
        },
        token, std::move(path), mode, std::move(watcher));
  }
  void start_add_watch(std::string path, AddWatchMode mode, Watcher watcher, DoneHandler handler);

  /// Takes watches back: those of `watcher`'s stream or sink, or with an empty one all of this
  /// client on the node. Each is told by a last event (DataWatchRemoved, ...). With `local` they
  /// are forgotten also when the server cannot be asked.
  ///
  ///  - Code::NoWatcher   there is none.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_remove_watches(std::string path, WatchType type, Watcher watcher, bool local,
                            Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::string p, WatchType t, Watcher w, bool l) {
          start_remove_watches(std::move(p), t, std::move(w), l, std::move(handler));
        },
        token, std::move(path), type, std::move(watcher), local);
  }
  void start_remove_watches(std::string path, WatchType type, Watcher watcher, bool local,
                            DoneHandler handler);

  /// Asks the server whether it holds such a watch of this client. Safe to repeat.
  ///
  ///  - Code::NoWatcher   it does not.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_check_watches(std::string path, WatchType type, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::string p, WatchType t) {
          start_check_watches(std::move(p), t, std::move(handler));
        },
        token, std::move(path), type);
  }
  void start_check_watches(std::string path, WatchType type, DoneHandler handler);

  using NamesHandler = asio::any_completion_handler<void(ErrorCode, std::vector<std::string>)>;
  /// Paths of this session's ephemeral nodes that begin with the text `prefix`; "/" for all. Safe
  /// to repeat. Needs ZooKeeper 3.6 or later.
  template <asio::completion_token_for<void(ErrorCode, std::vector<std::string>)> Token>
  auto async_get_ephemerals(std::string prefix, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, std::vector<std::string>)>(
        [this](auto handler, std::string p) {
          start_get_ephemerals(std::move(p), std::move(handler));
        },
        token, std::move(prefix));
  }
  void start_get_ephemerals(std::string prefix, NamesHandler handler);

  /// How many nodes there are below `path`, at any depth. Safe to repeat. ZooKeeper 3.6 or later.
  ///
  ///  - Code::NoNode, Code::NoAuth.
  template <asio::completion_token_for<void(ErrorCode, std::int32_t)> Token>
  auto async_get_all_children_number(std::string path, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, std::int32_t)>(
        [this](auto handler, std::string p) {
          start_get_all_children_number(std::move(p), std::move(handler));
        },
        token, std::move(path));
  }
  using CountHandler = asio::any_completion_handler<void(ErrorCode, std::int32_t)>;
  void start_get_all_children_number(std::string path, CountHandler handler);

  /// What this connection has proved: its address and the identities of add_auth, without secrets.
  /// Safe to repeat. Needs ZooKeeper 3.7 or later.
  template <asio::completion_token_for<void(ErrorCode, std::vector<AuthId>)> Token>
  auto async_who_am_i(Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, std::vector<AuthId>)>(
        [this](auto handler) { start_who_am_i(std::move(handler)); }, token);
  }
  using IdentitiesHandler = asio::any_completion_handler<void(ErrorCode, std::vector<AuthId>)>;
  void start_who_am_i(IdentitiesHandler handler);

  /// The members of the ensemble. `watcher` hears NodeDataChanged of "/zookeeper/config", whatever
  /// the chroot. Safe to repeat.
  template <asio::completion_token_for<void(ErrorCode, ConfigReply)> Token>
  auto async_get_config(Watcher watcher, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, ConfigReply)>(
        [this](auto handler, Watcher w) { start_get_config(std::move(w), std::move(handler)); },
        token, std::move(watcher));
  }
  using ConfigHandler = asio::any_completion_handler<void(ErrorCode, ConfigReply)>;
  void start_get_config(Watcher watcher, ConfigHandler handler);

  /// Changes the members; answers the new configuration. With ReconfigOptions::from_config it is
  /// safe to repeat.
  ///
  ///  - Code::ReconfigDisabled, Unimplemented (standalone), NoAuth, BadVersion, BadArguments,
  ///    NewConfigNoQuorum, ReconfigInProgress.
  template <asio::completion_token_for<void(ErrorCode, ConfigReply)> Token>
  auto async_reconfig(ReconfigOptions options, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, ConfigReply)>(
        [this](auto handler, ReconfigOptions o) {
          start_reconfig(std::move(o), std::move(handler));
        },
        token, std::move(options));
  }
  void start_reconfig(ReconfigOptions options, ConfigHandler handler);

 private:
  friend struct RecipeFace;
  friend class SyncClient;
  friend const std::shared_ptr<Runtime>& runtime_of(const Client& client);
  /// A second face of the same session, for a recipe's background work, which may outlive `other`;
  /// its destruction ends nothing.
  struct Borrow {
    std::optional<std::chrono::milliseconds> timeout;
  };
  Client(const Client& other, Borrow);

  std::shared_ptr<Connection> connection_;
  std::chrono::milliseconds timeout_;
  bool owner_ = true;
};

}  // namespace quorate::client
