#include "quorate/sync_retry.h"

#include "client-lib/src/blocking.h"
#include "quorate/retry.h"

namespace quorate::client {

Reply<CreateReply> SyncRetry::create(const std::string& path, Buffer data, CreateOptions options) {
  Retry retry(client_.async_face(), policy_);
  return wait_for<CreateReply>(client_.async_face(), "create " + path, [&](auto handler) {
    retry.start_create(path, std::move(data), std::move(options), std::move(handler));
  });
}

Reply<GetDataReply> SyncRetry::get_data(const std::string& path, WatchCallback watch) {
  Retry retry(client_.async_face(), policy_);
  return wait_for<GetDataReply>(client_.async_face(), "getData " + path, [&](auto handler) {
    retry.start_get_data(path, watcher_of(std::move(watch)), std::move(handler));
  });
}

Reply<Stat> SyncRetry::set_data(const std::string& path, Buffer data, std::int32_t version) {
  Retry retry(client_.async_face(), policy_);
  return wait_for<Stat>(client_.async_face(), "setData " + path, [&](auto handler) {
    retry.start_set_data(path, std::move(data), version, std::move(handler));
  });
}

Reply<Stat> SyncRetry::exists(const std::string& path, WatchCallback watch) {
  Retry retry(client_.async_face(), policy_);
  return wait_for<Stat>(client_.async_face(), "exists " + path, [&](auto handler) {
    retry.start_exists(path, watcher_of(std::move(watch)), std::move(handler));
  });
}

Status SyncRetry::remove(const std::string& path, std::int32_t version) {
  Retry retry(client_.async_face(), policy_);
  return wait_done(client_.async_face(), "delete " + path,
                   [&](auto handler) { retry.start_remove(path, version, std::move(handler)); });
}

Reply<GetChildrenReply> SyncRetry::get_children(const std::string& path, WatchCallback watch) {
  Retry retry(client_.async_face(), policy_);
  return wait_for<GetChildrenReply>(client_.async_face(), "getChildren " + path, [&](auto handler) {
    retry.start_get_children(path, watcher_of(std::move(watch)), std::move(handler));
  });
}

Status SyncRetry::sync(const std::string& path) {
  Retry retry(client_.async_face(), policy_);
  return wait_done(client_.async_face(), "sync " + path,
                   [&](auto handler) { retry.start_sync(path, std::move(handler)); });
}

Reply<GetAclReply> SyncRetry::get_acl(const std::string& path) {
  Retry retry(client_.async_face(), policy_);
  return wait_for<GetAclReply>(client_.async_face(), "getACL " + path, [&](auto handler) {
    retry.start_get_acl(path, std::move(handler));
  });
}

Reply<Stat> SyncRetry::set_acl(const std::string& path, AclList acl, std::int32_t version) {
  Retry retry(client_.async_face(), policy_);
  return wait_for<Stat>(client_.async_face(), "setACL " + path, [&](auto handler) {
    retry.start_set_acl(path, std::move(acl), version, std::move(handler));
  });
}

Reply<TransactionReply> SyncRetry::commit(Transaction transaction) {
  Retry retry(client_.async_face(), policy_);
  return wait_for<TransactionReply>(client_.async_face(), "multi", [&](auto handler) {
    retry.start_commit(std::move(transaction), std::move(handler));
  });
}

}  // namespace quorate::client
