#include "server/replica/applier.h"

#include <string>

#include "base/ensure.h"

namespace quorate::server {

namespace {

std::string describe_failure(const consensus::LogRecord& record, const ErrorCode& error) {
  std::string text = "txn cannot be applied zxid=" + to_string(record.zxid);
  Result<TxnHeader> header = znode::peek_header(record.bytes.view());
  if (header) text += " type=" + std::to_string(static_cast<std::int32_t>(header->type));
  return text + " error=\"" + error.message() + '"';
}

}  // namespace

znode::Outcome Applier::apply(const consensus::LogRecord& record, znode::ReplayMode mode) {
  Result<znode::Outcome> outcome = znode::apply(tree_, record.bytes.view(), mode);
  if (!outcome) fatal(describe_failure(record, outcome.error()));
  ENSURE(outcome->header.zxid == record.zxid);
  if (watches_.size() > 0) notify(*outcome, record.zxid);
  return std::move(*outcome);
}

void Applier::notify(const znode::Outcome& outcome, Zxid zxid) {
  for (const znode::Fire& fire : outcome.fires) {
    for (ConnectionId id : watches_.take(fire)) {
      Connection* connection = connections_.find(id);
      if (connection == nullptr) continue;
      znode::Caller caller{connection->session, connection->identities};
      if (znode::may_see_event(tree_, caller, fire)) connections_.event(*connection, fire, zxid);
    }
  }
  for (const znode::Outcome& part : outcome.parts) notify(part, zxid);
}

}  // namespace quorate::server
