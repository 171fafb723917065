#include "server/replica/replica.h"
#include "server/storage/real/disk_thread.h"

namespace quorate::server {
namespace {

class PostedAnswers : public DiskAnswers {
 public:
  explicit PostedAnswers(PostToReplica post) : post_(std::move(post)) {}

  void on_synced(std::uint64_t write) override {
    post_([write](Replica& replica) { replica.on_synced(write); });
  }
  void on_checkpointed(Zxid zxid) override {
    post_([zxid](Replica& replica) { replica.on_checkpointed(zxid); });
  }
  void on_checkpoint_lost() override {
    post_([](Replica& replica) { replica.on_checkpoint_lost(); });
  }
  void on_snapshot_piece(LinkId link, Zxid zxid, SharedBytes piece, bool last, bool ok) override {
    post_([link, zxid, piece = std::move(piece), last, ok](Replica& replica) {
      replica.on_snapshot_piece(link, zxid, piece, last, ok);
    });
  }
  void on_installed(LinkId link, Zxid zxid, bool ok) override {
    post_([link, zxid, ok](Replica& replica) { replica.on_installed(link, zxid, ok); });
  }

 private:
  PostToReplica post_;
};

}  // namespace

std::unique_ptr<DiskAnswers> answer_by(PostToReplica post) {
  return std::make_unique<PostedAnswers>(std::move(post));
}

}  // namespace quorate::server
