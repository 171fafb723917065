// ZooKeeper's error codes alone: no Boost header, for users who build with another Boost.
#pragma once

#include <cstdint>
#include <string_view>

namespace quorate {

/// KeeperException.Code. Ok is "no error"; -122 and OperationTimeout are made in clients only.
enum class Code : std::int32_t {
  Ok = 0,
  SystemError = -1,
  RuntimeInconsistency = -2,
  DataInconsistency = -3,
  ConnectionLoss = -4,
  MarshallingError = -5,
  Unimplemented = -6,
  OperationTimeout = -7,
  BadArguments = -8,
  UnknownSession = -12,
  NewConfigNoQuorum = -13,
  ReconfigInProgress = -14,
  ApiError = -100,
  NoNode = -101,
  NoAuth = -102,
  BadVersion = -103,
  NoChildrenForEphemerals = -108,
  NodeExists = -110,
  NotEmpty = -111,
  SessionExpired = -112,
  InvalidCallback = -113,
  InvalidAcl = -114,
  AuthFailed = -115,
  SessionMoved = -118,
  NotReadOnly = -119,
  EphemeralOnLocalSession = -120,
  NoWatcher = -121,
  RequestTimeout = -122,
  ReconfigDisabled = -123,
  SessionClosedRequireSaslAuth = -124,
  QuotaExceeded = -125,
  ThrottledOp = -127,
};

/// ZooKeeper's name as zkCli prints it after "KeeperErrorCode = ", e.g. "NoNode",
/// "Directory not empty".
[[gnu::visibility("default")]] std::string_view keeper_name(Code code);

}  // namespace quorate
