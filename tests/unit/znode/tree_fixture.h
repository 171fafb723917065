// A standalone leader in miniature: requests go through prepare() and apply(), reads through
// read().
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/ensure.h"
#include "znode/data_tree.h"
#include "znode/node.h"
#include "znode/op.h"
#include "znode/pending_view.h"
#include "znode/txn.h"
#include "znode/watch_table.h"

namespace quorate::znode {

inline constexpr SessionId kAlice{0x100000001};
inline constexpr SessionId kBob{0x100000002};
inline constexpr ConnectionId kConnection{1};

struct TreeFixture {
  TreeFixture() {
    submit(kAlice, OpCode::CreateSession, CreateSessionTxn{10000});
    submit(kBob, OpCode::CreateSession, CreateSessionTxn{20000});
  }

  Bytes prepare_bytes(SessionId session, OpCode op, ByteView record) {
    zxid = zxid.next();
    time_ms += 10;
    const Caller caller{session, identities};
    return prepare(pending, options, caller, {session, ++cxid, op, record}, zxid, time_ms);
  }
  template <class Request>
  Bytes prepare_only(SessionId session, OpCode op, const Request& request) {
    return prepare_bytes(session, op, encode_all(request));
  }
  Outcome land(const Bytes& txn) {
    Result<Outcome> outcome = apply(tree, txn, ReplayMode::Exact);
    REQUIRE(outcome.has_value());
    CHECK_FALSE(outcome->digest_mismatch);
    pending.landed(outcome->header.zxid);
    last = *outcome;
    return *outcome;
  }
  template <class Request>
  Outcome submit(SessionId session, OpCode op, const Request& request) {
    return land(prepare_only(session, op, request));
  }
  Outcome submit_raw(SessionId session, OpCode op, ByteView record) {
    return land(prepare_bytes(session, op, record));
  }

  Code create(std::string path, CreateMode mode = CreateMode::Persistent, AclList acl = open_acl(),
              SessionId session = kAlice) {
    CreateRequest request{std::move(path), "data", std::move(acl), static_cast<std::int32_t>(mode)};
    return submit(session, OpCode::Create2, request).error;
  }
  Code remove(std::string path, std::int32_t version = kAnyVersion) {
    return submit(kAlice, OpCode::Delete, DeleteRequest{std::move(path), version}).error;
  }
  Code set_data(std::string path, Buffer data, std::int32_t version = kAnyVersion) {
    return submit(kAlice, OpCode::SetData,
                  SetDataRequest{std::move(path), std::move(data), version})
        .error;
  }
  Code set_acl(std::string path, AclList acl, std::int32_t version = kAnyVersion) {
    return submit(kAlice, OpCode::SetAcl, SetAclRequest{std::move(path), std::move(acl), version})
        .error;
  }
  Outcome close(SessionId session) { return submit_raw(session, OpCode::CloseSession, {}); }

  Code read_raw(OpCode op, ByteView request, Bytes& out, SessionId session = kAlice) {
    out.clear();
    JuteWriter writer(out);
    const Caller caller{session, identities};
    return read({tree, watches, kConnection, caller, options}, op, request, writer);
  }
  Code read_path(OpCode op, std::string path, bool watch = false) {
    return read_raw(op, encode_all(PathWatchRequest{std::move(path), watch}), body);
  }
  Stat stat(std::string_view path) const {
    const Node* node = tree.find(path);
    REQUIRE(node != nullptr);
    return client_stat(node->state());
  }

  DataTree tree;
  PendingView pending{tree};
  WatchTable watches;
  OpOptions options;
  Identities identities{{"ip", "10.1.2.3"}};
  Zxid zxid;
  std::int64_t time_ms = 1000;
  std::int32_t cxid = 0;
  Outcome last;
  Bytes body;
};

}  // namespace quorate::znode
