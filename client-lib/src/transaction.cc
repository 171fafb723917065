// multi and multiRead (client-protocol §7).
#include "quorate/transaction.h"

#include "client-lib/src/sender.h"
#include "quorate/client.h"

namespace quorate::client {

namespace {

void put_header(JuteWriter& out, OpCode op) {
  encode(out, MultiHeader{op, /*done=*/false, /*err=*/-1});
}

void put_end(JuteWriter& out) {
  encode(out, MultiHeader{OpCode::Error, /*done=*/true, /*err=*/-1});
}

/// Writes one operation of a transaction.
struct PutOp {
  JuteWriter& out;
  const std::string& chroot;

  void operator()(const Transaction::Create& op) {
    const OpCode code = create_op(op.options.mode);
    put_header(out, code);
    put_create(out, code, add_chroot(chroot, op.path), op.data, op.options);
  }
  void operator()(const Transaction::SetData& op) {
    put_header(out, OpCode::SetData);
    encode(out, SetDataRequest{add_chroot(chroot, op.path), op.data, op.version});
  }
  void operator()(const Transaction::Remove& op) {
    put_header(out, OpCode::Delete);
    encode(out, DeleteRequest{add_chroot(chroot, op.path), op.version});
  }
  void operator()(const Transaction::Check& op) {
    put_header(out, OpCode::Check);
    encode(out, CheckVersionRequest{add_chroot(chroot, op.path), op.version});
  }
};

bool valid(const Transaction::Op& op) {
  return std::visit(
      [](const auto& each) {
        bool suffixed = false;
        if constexpr (requires { each.options.mode; }) suffixed = is_sequential(each.options.mode);
        return valid_path(each.path, suffixed);
      },
      op);
}

std::string first_path(const std::vector<Transaction::Op>& ops) {
  if (ops.empty()) return "";
  return std::visit([](const auto& each) { return each.path; }, ops.front());
}

/// Fields that a failed operation has instead of its result.
Code failure(JuteReader& in) {
  return static_cast<Code>(in.i32());
}

/// Calls `on_result(header)` per operation; it reads the record.
template <class OnResult>
ErrorCode read_results(ByteView body, OnResult on_result) {
  JuteReader in(body);
  while (in.ok()) {
    MultiHeader header;
    decode(in, header);
    if (header.done || !in.ok()) break;
    if (!on_result(header, in)) in.refuse();
  }
  return in.finish();
}

bool read_one(const MultiHeader& header, JuteReader& in, const std::string& chroot,
              TransactionReply::Result& result) {
  switch (header.type) {
    case OpCode::Create: {  // Servers before 3.8.2 answer create2 so, too.
      result.value = CreateReply{strip_chroot(chroot, in.string()), Stat()};
      return true;
    }
    case OpCode::Create2: {
      CreateReply reply;
      reply.path = strip_chroot(chroot, in.string());
      reply.stat = in.stat();
      result.value = std::move(reply);
      return true;
    }
    case OpCode::SetData:
      result.value = in.stat();
      return true;
    case OpCode::Delete:
    case OpCode::Check:
      return true;
    case OpCode::Error:
      result.code = failure(in);
      return true;
    default:
      return false;
  }
}

/// The failed operation is the one whose code is its own: Ok stands before, RuntimeInconsistency
/// behind it.
ErrorCode outcome(TransactionReply& reply) {
  for (std::size_t i = 0; i < reply.results.size(); ++i) {
    const Code code = reply.results[i].code;
    if (code == Code::Ok) continue;
    reply.failed = i;
    return code;
  }
  return {};
}

ErrorCode read_commit(ByteView body, const std::string& chroot, TransactionReply& reply) {
  const ErrorCode fault = read_results(body, [&](const MultiHeader& header, JuteReader& in) {
    return read_one(header, in, chroot, reply.results.emplace_back());
  });
  return fault ? fault : outcome(reply);
}

ErrorCode read_batch(ByteView body, const std::string&, ReadBatchReply& reply) {
  return read_results(body, [&](const MultiHeader& header, JuteReader& in) {
    ReadBatchReply::Result& result = reply.results.emplace_back();
    if (header.type == OpCode::Error) {
      result.code = failure(in);
    } else if (header.type == OpCode::GetData) {
      GetDataReply data;
      data.data = in.buffer();
      data.stat = in.stat();
      result.value = std::move(data);
    } else if (header.type == OpCode::GetChildren) {
      result.value = in.strings();
    } else {
      return false;
    }
    return true;
  });
}

}  // namespace

void Client::start_commit(Transaction transaction, CommitHandler handler) {
  Sender sender(connection_, timeout_, OpCode::Multi, "multi");
  sender.about(first_path(transaction.ops()));
  JuteWriter out = sender.body();
  for (const Transaction::Op& op : transaction.ops()) {
    if (!valid(op)) sender.refuse(Code::BadArguments);
    std::visit(PutOp{out, sender.chroot()}, op);
  }
  put_end(out);
  auto read = [count = transaction.size()](ByteView body, const std::string& chroot,
                                           TransactionReply& reply) -> ErrorCode {
    if (const ErrorCode error = read_commit(body, chroot, reply)) return error;
    // operator[] relies on it.
    return reply.results.size() == count ? ErrorCode() : ErrorCode(ClientErrc::ProtocolFault);
  };
  sender.go<TransactionReply>(std::move(handler), std::move(read));
}

void Client::start_multi_read(ReadBatch batch, MultiReadHandler handler) {
  Sender sender(connection_, timeout_, OpCode::MultiRead, "multiRead");
  sender.about(batch.empty() ? std::string() : batch.ops().front().path);
  JuteWriter out = sender.body();
  for (const ReadBatch::Op& op : batch.ops()) {
    if (!valid_path(op.path)) sender.refuse(Code::BadArguments);
    put_header(out, op.children ? OpCode::GetChildren : OpCode::GetData);
    encode(out, PathWatchRequest{add_chroot(sender.chroot(), op.path), /*watch=*/false});
  }
  put_end(out);
  auto read = [count = batch.size()](ByteView body, const std::string& chroot,
                                     ReadBatchReply& reply) -> ErrorCode {
    if (const ErrorCode fault = read_batch(body, chroot, reply)) return fault;
    return reply.results.size() == count ? ErrorCode() : ErrorCode(ClientErrc::ProtocolFault);
  };
  sender.go<ReadBatchReply>(std::move(handler), std::move(read));
}

}  // namespace quorate::client
