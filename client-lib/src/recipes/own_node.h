// An ephemeral znode of ours: made exactly once, watched, and valid only while the session is not
// in doubt.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client-lib/src/recipes/job.h"

namespace quorate::client {

/// What stands behind a Hold. valid(), token() and node() may be asked from any thread once a Hold
/// exists.
class Held {
 public:
  virtual ~Held() = default;
  virtual bool valid() const = 0;
  virtual std::int64_t token() const = 0;
  virtual const std::string& node() const = 0;
  virtual void release() = 0;
  /// `callback` is called once on the strand, as soon as valid() is false.
  virtual void when_invalid(std::function<void()> callback) = 0;
};

/// Lives on the client's strand. Shared by the job that makes it and the Hold that results.
class OwnNode : public Held, public std::enable_shared_from_this<OwnNode> {
 public:
  /// Sequential nodes need a `name` that is unique to this object: it finds them again.
  struct Wish {
    std::string folder;
    std::string name;
    bool sequential = false;
    std::string data;
    /// A node of our session is ours only if it has this data: for names that other objects of the
    /// same session may want, too.
    bool by_data = false;
  };

  OwnNode(const Client& client, Wish wish);
  ~OwnNode() override;  ///< Leaves the znode alone, unless release() was called.

  /// Creates the node, also when the reply is lost, and its missing ancestors; then watches it.
  ///  - NodeExists  someone else's node has the name (never with a GUID in it);
  ///  - NodeLost    it was deleted at once.
  static asio::awaitable<ErrorCode> enter(std::shared_ptr<OwnNode> self, JobPtr job);

  /// Turns valid, unless the session was suspended since suspensions() was `then`, or the node is
  /// gone.
  bool validate(std::uint64_t then);
  /// As validate(), after a look at the node itself: for nodes whose existence is all that counts.
  static asio::awaitable<ErrorCode> validate_alone(std::shared_ptr<OwnNode> self, JobPtr job);

  std::uint64_t suspensions() const { return suspensions_; }
  bool gone() const { return gone_; }
  /// The node was there before: made by a create whose reply was lost, or earlier in the session.
  bool was_found() const { return found_; }
  /// Rung when the node is deleted.
  const BellPtr& bell() const { return bell_; }
  const std::string& folder() const { return wish_.folder; }

  bool valid() const override { return valid_.load(); }
  std::int64_t token() const override { return czxid_; }
  const std::string& node() const override { return node_; }
  /// Any thread. Deletes the node in the background, however long the servers are away.
  void release() override;
  void when_invalid(std::function<void()> callback) override;

 private:
  static asio::awaitable<ErrorCode> create(std::shared_ptr<OwnNode> self, JobPtr job);
  static asio::awaitable<ErrorCode> find(std::shared_ptr<OwnNode> self);
  static asio::awaitable<void> leave(std::shared_ptr<OwnNode> self);
  void begin();
  void on_session(const SessionEvent& event);
  void on_closing();
  void on_gone();
  void invalidate();

  RecipeFace face_;
  const Wish wish_;
  const asio::any_io_executor strand_;
  BellPtr bell_;
  std::uint64_t listener_ = 0;
  std::string node_;  ///< Path once known. Not changed after that.
  std::int64_t czxid_ = 0;
  std::uint64_t suspensions_ = 0;
  bool gone_ = false;
  bool found_ = false;
  bool left_ = false;
  bool was_valid_ = false;  ///< Valid once means invalid for good afterwards.
  std::vector<std::function<void()>> when_invalid_;
  std::atomic<bool> released_{false};  ///< So that giving up twice is once, from any thread.
  std::atomic<bool> valid_{false};     ///< Written on the strand (release: any thread, false only).
};

}  // namespace quorate::client
