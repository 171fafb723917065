#include "znode/proto/error.h"

#include <string>

namespace quorate {
namespace {

// Boost gives the base class a public destructor that is not virtual; categories are never deleted.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"

class KeeperCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "keeper"; }
  std::string message(int value) const override {
    return std::string(keeper_name(static_cast<Code>(value)));
  }
};

#pragma GCC diagnostic pop

}  // namespace

const boost::system::error_category& keeper_category() {
  static const KeeperCategory category;
  return category;
}

Code to_code(const ErrorCode& error) {
  if (!error) return Code::Ok;
  return error.category() == keeper_category() ? static_cast<Code>(error.value())
                                               : Code::SystemError;
}

std::string_view keeper_name(Code code) {
  switch (code) {
    case Code::Ok:
      return "ok";
    case Code::SystemError:
      return "SystemError";
    case Code::RuntimeInconsistency:
      return "RuntimeInconsistency";
    case Code::DataInconsistency:
      return "DataInconsistency";
    case Code::ConnectionLoss:
      return "ConnectionLoss";
    case Code::MarshallingError:
      return "MarshallingError";
    case Code::Unimplemented:
      return "Unimplemented";
    case Code::OperationTimeout:
      return "OperationTimeout";
    case Code::BadArguments:
      return "BadArguments";
    case Code::UnknownSession:
      return "UnknownSession";
    case Code::NewConfigNoQuorum:
      return "NewConfigNoQuorum";
    case Code::ReconfigInProgress:
      return "ReconfigInProgress";
    case Code::ApiError:
      return "APIError";
    case Code::NoNode:
      return "NoNode";
    case Code::NoAuth:
      return "NoAuth";
    case Code::BadVersion:
      return "BadVersion";
    case Code::NoChildrenForEphemerals:
      return "NoChildrenForEphemerals";
    case Code::NodeExists:
      return "NodeExists";
    case Code::NotEmpty:
      return "Directory not empty";
    case Code::SessionExpired:
      return "Session expired";
    case Code::InvalidCallback:
      return "Invalid callback";
    case Code::InvalidAcl:
      return "InvalidACL";
    case Code::AuthFailed:
      return "AuthFailed";
    case Code::SessionMoved:
      return "Session moved";
    case Code::NotReadOnly:
      return "Not a read-only call";
    case Code::EphemeralOnLocalSession:
      return "Ephemeral node on local session";
    case Code::NoWatcher:
      return "No such watcher";
    case Code::RequestTimeout:
      return "Request timeout";
    case Code::ReconfigDisabled:
      return "Reconfig is disabled";
    case Code::SessionClosedRequireSaslAuth:
      return "Session closed because client failed to authenticate";
    case Code::QuotaExceeded:
      return "Quota has exceeded";
    case Code::ThrottledOp:
      return "Op throttled due to high load";
  }
  return "Unknown error";
}

}  // namespace quorate
