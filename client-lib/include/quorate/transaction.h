// Several operations in one request: all or nothing (multi), or several reads at once. No Boost
// header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "quorate/options.h"
#include "quorate/types.h"

namespace quorate::client {

/// What a remove or a check yields.
struct NoReply {};

/// Names one operation of a Transaction or ReadBatch; its reply is of type R.
template <class R>
class OpHandle {
 public:
  explicit OpHandle(std::size_t index) : index_(index) {}
  std::size_t index() const { return index_; }

 private:
  std::size_t index_;
};

/// Writes that happen together, in the given order and in one txn, or not at all. Each sees the
/// effects of those before it. Values: build, commit, throw away.
class Transaction {
 public:
  Transaction() {}

  /// As Client::async_create(); CreateReply::stat stays empty with servers before 3.8.2.
  OpHandle<CreateReply> create(std::string path, Buffer data, CreateOptions options = {}) {
    ops_.emplace_back(Create{std::move(path), std::move(data), std::move(options)});
    return OpHandle<CreateReply>(ops_.size() - 1);
  }
  /// As Client::async_set_data().
  OpHandle<Stat> set_data(std::string path, Buffer data, std::int32_t version = kAnyVersion) {
    ops_.emplace_back(SetData{std::move(path), std::move(data), version});
    return OpHandle<Stat>(ops_.size() - 1);
  }
  /// As Client::async_remove().
  OpHandle<NoReply> remove(std::string path, std::int32_t version = kAnyVersion) {
    ops_.emplace_back(Remove{std::move(path), version});
    return OpHandle<NoReply>(ops_.size() - 1);
  }
  /// Fails the whole unless the node exists and has this data version.
  OpHandle<NoReply> check(std::string path, std::int32_t version) {
    ops_.emplace_back(Check{std::move(path), version});
    return OpHandle<NoReply>(ops_.size() - 1);
  }

  std::size_t size() const { return ops_.size(); }
  bool empty() const { return ops_.empty(); }

  /// The operations as they were added.
  struct Create {
    std::string path;
    Buffer data;
    CreateOptions options;
  };
  /// As above.
  struct SetData {
    std::string path;
    Buffer data;
    std::int32_t version = kAnyVersion;
  };
  /// As above.
  struct Remove {
    std::string path;
    std::int32_t version = kAnyVersion;
  };
  /// As above.
  struct Check {
    std::string path;
    std::int32_t version = kAnyVersion;
  };
  using Op = std::variant<Create, SetData, Remove, Check>;
  const std::vector<Op>& ops() const { return ops_; }

 private:
  std::vector<Op> ops_;
};

/// Replies to a Transaction, one per operation.
class TransactionReply {
 public:
  /// Of one operation.
  struct Result {
    Code code = Code::Ok;
    std::variant<NoReply, CreateReply, Stat> value;
  };

  /// Of a committed transaction.
  template <class R>
  const R& operator[](OpHandle<R> op) const {
    return std::get<R>(results[op.index()].value);
  }

  /// Why it was not committed: the code of the operation that failed, RuntimeInconsistency for
  /// those behind it, Ok for those before it (which were not carried out either).
  template <class R>
  Code code(OpHandle<R> op) const {
    return op.index() < results.size() ? results[op.index()].code : Code::RuntimeInconsistency;
  }

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t failed = kNone;  ///< Index of the operation that failed.
  /// In the order of the operations; empty when the request as a whole was refused or lost.
  std::vector<Result> results;
};

/// Reads answered together, from one state of one server. Each may fail for itself.
class ReadBatch {
 public:
  ReadBatch() {}

  /// Data and Stat of the node.
  OpHandle<GetDataReply> get_data(std::string path) {
    ops_.push_back({std::move(path), /*children=*/false});
    return OpHandle<GetDataReply>(ops_.size() - 1);
  }
  /// Names only; the parent's Stat is not part of this reply.
  OpHandle<std::vector<std::string>> get_children(std::string path) {
    ops_.push_back({std::move(path), /*children=*/true});
    return OpHandle<std::vector<std::string>>(ops_.size() - 1);
  }

  std::size_t size() const { return ops_.size(); }
  bool empty() const { return ops_.empty(); }

  /// A read as it was added.
  struct Op {
    std::string path;
    bool children = false;
  };
  const std::vector<Op>& ops() const { return ops_; }

 private:
  std::vector<Op> ops_;
};

/// Replies to a ReadBatch, one per read.
class ReadBatchReply {
 public:
  /// Of one read.
  struct Result {
    Code code = Code::Ok;
    std::variant<NoReply, GetDataReply, std::vector<std::string>> value;
  };

  /// Of a read whose code() is Ok.
  template <class R>
  const R& operator[](OpHandle<R> op) const {
    return std::get<R>(results[op.index()].value);
  }
  /// Ok, or why this read failed.
  template <class R>
  Code code(OpHandle<R> op) const {
    return op.index() < results.size() ? results[op.index()].code : Code::RuntimeInconsistency;
  }

  std::vector<Result> results;  ///< In the order of the reads.
};

}  // namespace quorate::client
