// Lines of ZooKeeper's audit log (audit.enable): who changed which node, and whether it worked.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "znode/op.h"

namespace quorate::server::audit {

/// Who asked: what stands before the operation of a line.
struct Asker {
  SessionId session;
  std::string_view address;
  std::span<const AuthId> identities;  ///< Of the moment of the request.
};

/// key=value pairs, parted by tabs, as ZooKeeper writes them; what is no printable text in a path
/// or a name is replaced, so that a client cannot forge a line.
using Sink = std::function<void(const std::string& line)>;

/// Whether ZooKeeper audits it: only then its request is kept until it is answered.
bool concerns(OpCode op);

/// The lines of one request: one, and of a multi that worked one for each part.
void tell_request(const Asker& asker, OpCode op, ByteView request, const znode::Outcome& outcome,
                  const Sink& sink);

/// Of a closed session: one line for each of its ephemerals.
void tell_ephemerals(std::string_view server_user, const znode::Outcome& closed, const Sink& sink);

/// serverStart and serverStop.
std::string server_line(std::string_view server_user, std::string_view operation,
                        std::string_view result);

}  // namespace quorate::server::audit
