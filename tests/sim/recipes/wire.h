// What passes between a recipe client and its server: looked at for situations that matter, and
// changed by some of the planted bugs.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>

#include "base/bytes.h"
#include "base/random.h"
#include "tests/sim/plan.h"
#include "znode/proto/frame.h"
#include "znode/proto/records.h"

namespace quorate::sim {

/// What the wires of one life know together: a lost reply shows on the next one.
struct WireLog {
  WireLog(Mutant planted, Random chance) : mutant(planted), random(chance) {}

  Mutant mutant;
  Random random;
  SessionId session;
  std::set<std::string> lost_creates;  ///< Paths whose reply was under way when the link ended.
};

/// Of one connection.
class Wire {
 public:
  explicit Wire(WireLog& log) : log_(log) {}

  /// Whole frames from the client; what goes on.
  Bytes leaves(const Bytes& frames);
  /// Bytes from the server, cut anywhere; what goes on.
  Bytes arrives(ByteView bytes);
  void ended();

 private:
  struct Asked {
    std::int32_t xid = 0;
    OpCode op = OpCode::Error;
    std::string path;
  };

  void asked(ByteView frame);
  void answered(const ReplyHeader& header, const Asked& asked, ByteView body);
  /// False: the frame does not go on.
  bool passes(const ReplyHeader& header, const Asked& asked, ByteView body, Bytes& out);

  WireLog& log_;
  bool shaken_out_ = false, shaken_in_ = false;  ///< The handshakes have passed.
  std::deque<Asked> open_;
  FrameReader frames_;
};

}  // namespace quorate::sim
