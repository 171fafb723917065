#include "shell/reads.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>

namespace quorate::shell {

namespace {

using client::Code;
using client::ErrorCode;

/// Bytes of answers that wait for their turn or are expected. Above it only the next node is asked
/// for.
constexpr std::size_t kHeldBytesMax = 24u << 20;
constexpr std::size_t kNodeBytes = 512;  ///< What a node costs besides its data.
constexpr std::size_t kNameBytes = 64;   ///< What the name of a child is taken for.
/// Of one request: so much that its fixed costs do not show, and a small part of what may fly.
constexpr std::size_t kBatchNodesMax = 48;
/// Where data is wanted: it may be 1 MB of each node, and all that flies must be held.
constexpr std::size_t kBatchDataMax = 24;
constexpr std::size_t kFlyingDataMax = 96;
constexpr double kBatchBytes = 256 * 1024;
/// Longer lists are asked for alone.
constexpr std::int32_t kBatchedNamesMax = 1000;
/// With more data than this in the mean, a Stat is asked for without the data.
constexpr double kDataBytesWorthwhile = 2048;
constexpr int kAttemptsMax = 5;

}  // namespace

struct Reads::Answer {
  ErrorCode error;
  Code code = Code::Ok;  ///< Of one read of a batch.
  client::Stat stat;
  client::Buffer data;
  client::AclList acl;
  std::vector<std::string> names;
};

/// Filled on the client's thread, then handed over whole.
struct Reads::Batch {
  explicit Batch(Kind the_kind) : kind(the_kind) {}
  const Kind kind;
  std::vector<NodeRead*> nodes;
  std::vector<Answer> answers;
  std::size_t waiting = 0;
  ErrorCode error;
  client::ReadBatchReply reply;
};

/// Outlives a cancelled walk, like the batches, of which nobody looks at the nodes then.
struct Reads::Mailbox {
  std::mutex mutex;  // came and sleeping; handlers run on the client's thread.
  std::condition_variable woken;
  std::vector<BatchPtr> came;
  bool sleeping = false;
  std::atomic<bool> any{false};

  void post(BatchPtr batch) {
    const std::lock_guard lock(mutex);
    came.push_back(std::move(batch));
    any = true;
    if (sleeping) woken.notify_one();
  }
};

Reads::Reads(Remote& remote, const WalkOptions& options)
    : face_(remote.face()),
      options_(options),
      batches_(options.flying_max > 1 && remote.reads_batches()),
      batch_nodes_max_(options.data ? kBatchDataMax : kBatchNodesMax),
      flying_max_(options.data ? std::min(options.flying_max, kFlyingDataMax) : options.flying_max),
      mail_(std::make_shared<Mailbox>()),
      gathering_(static_cast<std::size_t>(Kind::Acl) + 1) {}

Reads::~Reads() = default;

// ---- Asking -------------------------------------------------------------------------------------

/// multiRead has no exists: where data is short, the Stat comes cheapest with it.
Reads::Kind Reads::kind_of(const NodeRead& node) const {
  const bool batch = batches_ && node.attempts == 0 && !options_.watch.sink();
  const bool deep = node.visit.depth < options_.depth_max;
  if (options_.data) return batch ? Kind::DataBatch : Kind::Data;
  if (!options_.stat && deep) return batch ? Kind::ListBatch : Kind::Children;
  if (batch && data_bytes_ <= kDataBytesWorthwhile) return Kind::DataBatch;
  return deep ? Kind::Children : Kind::Exists;
}

void Reads::read(NodeRead& node) {
  put(kind_of(node), node);
  if (options_.acl) put(Kind::Acl, node);
}

void Reads::list(NodeRead& node) {
  const std::int32_t count = node.visit.stat.num_children;
  node.wants_list = false;
  names_flying_ += static_cast<std::size_t>(count);
  const bool batch =
      batches_ && node.attempts == 0 && !options_.watch.sink() && count <= kBatchedNamesMax;
  put(batch ? Kind::ListBatch : Kind::Children, node);
}

std::size_t Reads::batch_max(Kind kind) const {
  if (kind == Kind::ListBatch && options_.stat) return kBatchNodesMax / 4;
  const auto fitting = static_cast<std::size_t>(kBatchBytes / (answer_bytes_ + 1));
  return std::clamp<std::size_t>(fitting, 1, std::min(batch_nodes_max_, flying_max_));
}

void Reads::put(Kind kind, NodeRead& node) {
  BatchPtr& batch = gathering_[static_cast<std::size_t>(kind)];
  if (!batch) batch = std::make_shared<Batch>(kind);
  batch->nodes.push_back(&node);
  ++node.waiting;
  if (kind != Kind::Acl) ++flying_;
  if (batch->nodes.size() >= batch_max(kind)) send(kind);
}

void Reads::send() {
  for (std::size_t kind = 0; kind < gathering_.size(); ++kind) send(static_cast<Kind>(kind));
}

void Reads::send(Kind kind) {
  const BatchPtr batch = std::move(gathering_[static_cast<std::size_t>(kind)]);
  gathering_[static_cast<std::size_t>(kind)] = nullptr;
  if (!batch) return;
  if (kind == Kind::DataBatch || kind == Kind::ListBatch) {
    send_batch(batch);
  } else {
    send_each(batch);
  }
}

void Reads::send_batch(const BatchPtr& batch) {
  client::ReadBatch reads;
  for (const NodeRead* node : batch->nodes) {
    if (batch->kind == Kind::DataBatch) {
      reads.get_data(node->visit.path);
    } else {
      reads.get_children(node->visit.path);
    }
  }
  const bool keep = options_.data;
  face_.start_multi_read(
      std::move(reads), [mail = mail_, batch, keep](ErrorCode error, client::ReadBatchReply reply) {
        batch->error = error;
        batch->reply = std::move(reply);
        // Only the Stat was wanted; what waits must not hold more.
        for (client::ReadBatchReply::Result& each : batch->reply.results) {
          auto* data = keep ? nullptr : std::get_if<client::GetDataReply>(&each.value);
          if (data != nullptr) data->data.reset();
        }
        mail->post(batch);
      });
}

void Reads::send_each(const BatchPtr& batch) {
  batch->answers.resize(batch->nodes.size());
  batch->waiting = batch->nodes.size();
  // Of one thread, as all handlers are: the count needs no lock.
  for (std::size_t at = 0; at < batch->nodes.size(); ++at) send_one(batch, at);
}

void Reads::send_one(const BatchPtr& batch, std::size_t at) {
  const auto done = [mail = mail_, batch, at](ErrorCode error, auto fill) {
    batch->answers[at].error = error;
    fill(batch->answers[at]);
    if (--batch->waiting == 0) mail->post(batch);
  };
  const std::string& path = batch->nodes[at]->visit.path;
  switch (batch->kind) {
    case Kind::Data:
      return face_.start_get_data(path, client::Watcher(),
                                  [done](ErrorCode error, client::GetDataReply reply) {
                                    done(error, [&](Answer& answer) {
                                      answer.data = std::move(reply.data);
                                      answer.stat = reply.stat;
                                    });
                                  });
    case Kind::Children:
      return face_.start_get_children(path, options_.watch,
                                      [done](ErrorCode error, client::GetChildrenReply reply) {
                                        done(error, [&](Answer& answer) {
                                          answer.names = std::move(reply.children);
                                          answer.stat = reply.stat;
                                        });
                                      });
    case Kind::Acl:
      return face_.start_get_acl(path, [done](ErrorCode error, client::GetAclReply reply) {
        done(error, [&](Answer& answer) { answer.acl = std::move(reply.acl); });
      });
    default:
      return face_.start_exists(path, client::Watcher(),
                                [done](ErrorCode error, client::Stat stat) {
                                  done(error, [&](Answer& answer) { answer.stat = stat; });
                                });
  }
}

std::size_t Reads::room() const {
  // Not for every answer a request: half of what may fly must have come back.
  if (flying_ > flying_max_ / 2) return 0;
  const auto each = static_cast<std::size_t>(answer_bytes_) + kNodeBytes;
  const std::size_t held = held_bytes_ + flying_ * each + names_flying_ * kNameBytes;
  if (held >= kHeldBytesMax) return 0;
  return std::min(flying_max_ - flying_, (kHeldBytesMax - held) / each + 1);
}

bool Reads::has_room_for_names(std::int32_t count) const {
  const std::size_t names = names_flying_ + static_cast<std::size_t>(count);
  return held_bytes_ + names * kNameBytes < kHeldBytesMax;
}

// ---- Answers ------------------------------------------------------------------------------------

bool Reads::arrived() const {
  return mail_->any;
}

void Reads::take() {
  std::vector<BatchPtr> came;
  {
    const std::lock_guard lock(mail_->mutex);
    came.swap(mail_->came);
    mail_->any = false;
  }
  for (const BatchPtr& batch : came) settle(*batch);
}

void Reads::wait() {
  if (options_.on_wait && !arrived()) options_.on_wait();
  std::unique_lock lock(mail_->mutex);
  mail_->sleeping = true;
  // Short naps: a signal handler may set a flag, but not wake a condition variable.
  while (mail_->came.empty() && !cancel_flag()) {
    mail_->woken.wait_for(lock, std::chrono::milliseconds(20));
  }
  mail_->sleeping = false;
}

void Reads::settle(Batch& batch) {
  const bool whole = batch.kind == Kind::DataBatch || batch.kind == Kind::ListBatch;
  for (std::size_t at = 0; at < batch.nodes.size(); ++at) {
    if (!whole) {
      settle(batch.kind, *batch.nodes[at], batch.answers[at]);
      continue;
    }
    Answer answer;
    answer.error = batch.error;
    if (!batch.error) {
      client::ReadBatchReply::Result& result = batch.reply.results[at];
      answer.code = result.code;
      if (auto* data = std::get_if<client::GetDataReply>(&result.value)) {
        answer.data = std::move(data->data);
        answer.stat = data->stat;
      } else if (auto* names = std::get_if<std::vector<std::string>>(&result.value)) {
        answer.names = std::move(*names);
      }
    }
    settle(batch.kind, *batch.nodes[at], answer);
  }
}

void Reads::settle(Kind kind, NodeRead& node, Answer& answer) {
  --node.waiting;
  if (kind != Kind::Acl) --flying_;
  const bool listed =
      node.visit.stat.num_children > 0 && (kind == Kind::ListBatch || kind == Kind::Children);
  if (listed) {
    const auto foreseen = static_cast<std::size_t>(node.visit.stat.num_children);
    names_flying_ -= std::min(names_flying_, foreseen);
  }
  const Code code = answer.error ? to_code(answer.error) : answer.code;
  if (code == Code::Ok) return settle_ok(kind, node, answer);
  if (again(kind, node, code)) return;
  // Who may read the data may read the list; the data's answer tells what is wrong.
  if (kind == Kind::Acl && code == Code::NoAuth) return;
  node.wants_list = false;
  if (!node.error.ok()) return;
  if (answer.error) {
    node.error = failed_reply<client::Nothing>(answer.error);
  } else {
    node.error.code = code;
  }
}

/// Reads are safe to repeat, one by one then: a batch may have been too much for the server. The
/// client connects anew by itself.
bool Reads::again(Kind kind, NodeRead& node, Code code) {
  const bool batch = kind == Kind::DataBatch || kind == Kind::ListBatch;
  if (cancel_flag()) return false;
  // Without the right to read, a Stat is to be had all the same.
  if (kind == Kind::DataBatch && code == Code::NoAuth && !options_.data &&
      node.visit.depth >= options_.depth_max) {
    put(Kind::Exists, node);
    return true;
  }
  const bool lost = code == Code::ConnectionLoss;
  if (!(lost || (batch && code == Code::OperationTimeout)) || ++node.attempts >= kAttemptsMax) {
    return false;
  }
  if (kind == Kind::ListBatch) kind = Kind::Children;
  if (kind == Kind::DataBatch) kind = kind_of(node);
  put(kind, node);
  return true;
}

void Reads::settle_ok(Kind kind, NodeRead& node, Answer& answer) {
  std::size_t bytes = 0;
  switch (kind) {
    case Kind::Acl:
      node.visit.acl = std::move(answer.acl);
      return;
    case Kind::Data:
    case Kind::DataBatch:
      node.visit.stat = answer.stat;
      node.wants_list =
          node.error.ok() && answer.stat.num_children > 0 && node.visit.depth < options_.depth_max;
      bytes = kNodeBytes;
      learn(static_cast<std::size_t>(answer.stat.data_length), answer.stat.data_length);
      if (options_.data) {
        node.visit.data = std::move(answer.data);
        bytes += static_cast<std::size_t>(answer.stat.data_length);
      }
      break;
    case Kind::Exists:
      node.visit.stat = answer.stat;
      bytes = kNodeBytes;
      learn(0, answer.stat.data_length);
      break;
    case Kind::Children:
      node.visit.stat = answer.stat;
      [[fallthrough]];
    case Kind::ListBatch: {
      node.names = std::move(answer.names);
      std::size_t names = 0;
      for (const std::string& name : node.names) names += sizeof name + name.size();
      // Lists are foreseen by the count of children, where the data came before.
      const bool foreseen = options_.data || kind == Kind::ListBatch;
      if (!foreseen) learn(names, answer.stat.data_length);
      if (!options_.stat) learn(names, 0);
      bytes = names + (options_.stat ? 0 : kNodeBytes);
      break;
    }
  }
  node.bytes += bytes;
  held_bytes_ += bytes;
}

void Reads::learn(std::size_t bytes, std::int64_t data_length) {
  constexpr double kWeight = 1.0 / 64;
  answer_bytes_ += (static_cast<double>(bytes) - answer_bytes_) * kWeight;
  data_bytes_ += (static_cast<double>(data_length) - data_bytes_) * kWeight;
}

void Reads::release(const NodeRead& node) {
  held_bytes_ -= std::min(held_bytes_, node.bytes);
}

}  // namespace quorate::shell
