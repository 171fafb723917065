// The reads of a walk: many nodes in one request where the server has that, many requests on their
// way, and a bound on what waits for its turn. Used by one thread; answers come from the client's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "shell/remote.h"
#include "shell/walk.h"

namespace quorate::shell {

/// A node on its way into a walk. Must stay where it is until it is ready.
struct NodeRead {
  Visit visit;
  std::vector<std::string> names;  ///< Of its children, in no order.
  Status error;
  int waiting = 0;  ///< Answers still to come.
  int attempts = 0;
  bool wants_list = false;  ///< Has children, which nobody has asked for so far.
  std::size_t bytes = 0;    ///< Counted until release().

  bool ready() const { return waiting == 0 && !wants_list; }
};

class Reads {
 public:
  Reads(Remote& remote, const WalkOptions& options);
  ~Reads();
  Reads(const Reads&) = delete;
  Reads& operator=(const Reads&) = delete;

  /// Asks for a node; for the names of its children. Goes out in a batch, with send() at the
  /// latest.
  void read(NodeRead& node);
  void list(NodeRead& node);
  void send();

  /// How many more nodes may be asked for; and whether a list of so many names may.
  std::size_t room() const;
  bool has_room_for_names(std::int32_t count) const;

  /// Answers have come since the last take().
  bool arrived() const;
  void take();
  /// Until there are answers, or Ctrl-C.
  void wait();
  /// The node was visited: what it holds counts no longer.
  void release(const NodeRead& node);

 private:
  struct Answer;
  struct Batch;
  struct Mailbox;
  enum class Kind { DataBatch, ListBatch, Data, Children, Exists, Acl };
  using BatchPtr = std::shared_ptr<Batch>;

  Kind kind_of(const NodeRead& node) const;
  void put(Kind kind, NodeRead& node);
  void send(Kind kind);
  void send_batch(const BatchPtr& batch);
  void send_each(const BatchPtr& batch);
  void send_one(const BatchPtr& batch, std::size_t at);
  std::size_t batch_max(Kind kind) const;
  void settle(Batch& batch);
  void settle(Kind kind, NodeRead& node, Answer& answer);
  void settle_ok(Kind kind, NodeRead& node, Answer& answer);
  bool again(Kind kind, NodeRead& node, client::Code code);
  void learn(std::size_t bytes, std::int64_t data_length);

  client::Client& face_;
  const WalkOptions options_;
  const bool batches_;  ///< The server knows multiRead.
  const std::size_t batch_nodes_max_;
  const std::size_t flying_max_;
  std::shared_ptr<Mailbox> mail_;
  std::vector<BatchPtr> gathering_;  ///< By kind; not sent yet.
  std::size_t flying_ = 0;           ///< Answers asked for, but for lists of rights.
  std::size_t names_flying_ = 0;     ///< Expected in lists that were asked for.
  std::size_t held_bytes_ = 0;
  double answer_bytes_ = 4096;  ///< Of one node's answer, in the mean of late.
  double data_bytes_ = 0;       ///< Length of a node's data, in the mean of late.
};

}  // namespace quorate::shell
