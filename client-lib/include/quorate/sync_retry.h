// The blocking face of Retry. No Boost header.
#pragma once

#include <cstdint>
#include <string>

#include "quorate/sync_client.h"

namespace quorate::client {

/// Retry (retry.h) for a SyncClient: asks again until the outcome is known. Functions block;
/// threads and callbacks as SyncClient's. OutcomeUnknown is Code::SystemError with that message.
class SyncRetry {
 public:
  explicit SyncRetry(SyncClient& client, RetryPolicy policy = RetryPolicy())
      : client_(client), policy_(policy) {}

  Reply<CreateReply> create(const std::string& path, Buffer data, CreateOptions options = {});
  Reply<GetDataReply> get_data(const std::string& path, WatchCallback watch = {});
  Reply<Stat> set_data(const std::string& path, Buffer data, std::int32_t version = kAnyVersion);
  Reply<Stat> exists(const std::string& path, WatchCallback watch = {});
  Status remove(const std::string& path, std::int32_t version = kAnyVersion);
  Reply<GetChildrenReply> get_children(const std::string& path, WatchCallback watch = {});
  Status sync(const std::string& path);
  Reply<GetAclReply> get_acl(const std::string& path);
  Reply<Stat> set_acl(const std::string& path, AclList acl, std::int32_t version = kAnyVersion);
  Reply<TransactionReply> commit(Transaction transaction);

 private:
  SyncClient& client_;
  RetryPolicy policy_;
};

}  // namespace quorate::client
