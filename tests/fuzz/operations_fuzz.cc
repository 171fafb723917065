// Any requests of any client, prepared and applied: each becomes a txn that applies, and what the
// leader foresaw is what the tree then is (the digests agree).
#include "base/ensure.h"
#include "tests/fuzz/input.h"
#include "znode/data_tree.h"
#include "znode/op.h"
#include "znode/pending_view.h"

using namespace quorate;
using namespace quorate::znode;

namespace {

constexpr SessionId kSession{0x100};

struct World {
  DataTree tree;
  PendingView pending{tree};
  Zxid zxid = Zxid::make(1, 0);
  Identities identities;

  void run(OpCode op, ByteView body) {
    OpOptions options;
    options.extended_types_enabled = true;
    const Caller caller{kSession, identities};
    WriteRequest request;
    request.session = kSession;
    request.cxid = 1;
    request.op = op;
    request.body = body;
    zxid = zxid.next();
    const Bytes txn = prepare(pending, options, caller, request, zxid, /*time_ms=*/1000);
    const auto outcome = apply(tree, txn, ReplayMode::Exact);
    ENSURE(outcome.has_value());
    ENSURE(!outcome->digest_mismatch);
    pending.landed(zxid);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::FuzzInput input(data, size);
  World world;
  Bytes session;
  JuteWriter(session).i32(10'000);
  world.run(OpCode::CreateSession, session);
  constexpr OpCode kWrites[] = {OpCode::Create,          OpCode::Create2,   OpCode::Delete,
                                OpCode::SetData,         OpCode::Multi,     OpCode::SetAcl,
                                OpCode::CreateContainer, OpCode::CreateTtl, OpCode::Check,
                                OpCode::CloseSession};
  while (!input.empty()) {
    const OpCode op = kWrites[input.u8() % std::size(kWrites)];
    if (op_info(op).kind != OpKind::Write) continue;
    world.run(op, input.piece(input.u8()));
  }
  return 0;
}
