#include "shell/importer.h"

#include <algorithm>
#include <fstream>
#include <memory>

#include "shell/pipeline.h"

namespace quorate::shell {

using client::Code;

namespace {

/// A multi must stay below jute.maxbuffer (1 MB), with room for what frames it.
constexpr std::size_t kPortionBytesMax = 512 * 1024;
constexpr std::size_t kNodeBytes = 100;

}  // namespace

void Importer::resume() {
  std::ifstream in(note_);
  std::string path;
  std::size_t done = 0;
  if (in >> done && std::getline(in >> std::ws, path) && path == top_) skip_ = done;
  resumed_ = true;
}

Exit Importer::add(TransferNode node) {
  ++read_;
  if (read_ <= skip_) return Exit::Ok;
  if (node.ephemeral) {
    ++ephemerals_;  // It belonged to a session.
    return Exit::Ok;
  }
  const std::size_t bytes = target(node).size() + node.data.value_or("").size() + kNodeBytes;
  if (bytes_ + bytes > kPortionBytesMax) {
    --read_;  // The note is about those before.
    const Exit code = flush();
    ++read_;
    if (code != Exit::Ok) return code;
  }
  bytes_ += bytes;
  portion_.push_back(std::move(node));
  return portion_.size() < options_.portion_max ? Exit::Ok : flush();
}

Exit Importer::flush() {
  if (portion_.empty()) return Exit::Ok;
  std::vector<There> there(portion_.size(), There::No);
  const bool root = portion_.front().path.empty() && top_ == "/";
  if (root) there[0] = There::Other;
  Reply<client::TransactionReply> reply = commit(there);
  const bool free = reply.ok();
  if (reply.code == Code::NodeExists && (options_.replace || resumed_)) {
    if (const Exit code = look_for_existing(there); code != Exit::Ok) return code;
    const auto begin = there.begin() + (root ? 1 : 0);
    const auto other = std::find(begin, there.end(), There::Other);
    if (other != there.end() && !options_.replace) {
      return session_.finish(reply,
                             target(portion_[static_cast<std::size_t>(other - there.begin())]));
    }
    reply = commit(there);
  }
  if (!reply) return tell(reply, there);
  nodes_ += portion_.size();
  portion_.clear();
  bytes_ = 0;
  resumed_ = resumed_ && !free;
  note();
  return cancel_flag() ? Exit::ErrorAnswer : Exit::Ok;
}

void Importer::note() {
  if (note_.empty()) return;
  std::ofstream(note_, std::ios::trunc) << read_ << " " << top_ << "\n";
}

std::string Importer::target(const TransferNode& node) const {
  if (node.path.empty()) return top_;
  return (top_ == "/" ? "" : top_) + node.path;
}

/// Nodes that are there and the same are left alone.
Reply<client::TransactionReply> Importer::commit(const std::vector<There>& there) {
  client::Transaction transaction;
  for (std::size_t i = 0; i < portion_.size(); ++i) {
    const TransferNode& node = portion_[i];
    if (there[i] == There::Same) continue;
    if (there[i] == There::Other) {
      transaction.set_data(target(node), node.data);
      continue;
    }
    client::CreateOptions create;
    if (!node.acl.empty()) create.acl = node.acl;
    transaction.create(target(node), node.data, std::move(create));
  }
  if (transaction.empty()) return {};
  return session_.remote.commit(std::move(transaction));
}

Exit Importer::look_for_existing(std::vector<There>& there) {
  // Handlers may come when a cancelled command is over.
  auto found = std::make_shared<std::vector<There>>(there.size(), There::No);
  Pipeline pipeline(session_.remote, Code::NoNode);
  for (std::size_t i = 0; i < portion_.size(); ++i) {
    const std::string path = target(portion_[i]);
    const bool going = pipeline.start(path, [&](client::Client& face, Pipeline::Done done) {
      face.start_get_data(path, client::Watcher(),
                          [found, i, data = portion_[i].data, done = std::move(done)](
                              client::ErrorCode error, const client::GetDataReply& reply) {
                            if (!error) {
                              (*found)[i] = reply.data == data ? There::Same : There::Other;
                            }
                            done(error);
                          });
    });
    if (!going) break;
  }
  const Pipeline::Outcome outcome = pipeline.finish();
  if (outcome.failed > 0) return session_.finish(outcome.first, outcome.first_path);
  if (cancel_flag()) return Exit::ErrorAnswer;
  there = *found;
  return Exit::Ok;
}

Exit Importer::tell(const Reply<client::TransactionReply>& reply, const std::vector<There>& there) {
  std::size_t left = reply.value.failed;
  for (std::size_t i = 0; i < portion_.size(); ++i) {
    if (there[i] == There::Same) continue;
    if (left-- == 0) return session_.finish(reply, target(portion_[i]));
  }
  return session_.finish(reply, top_);
}

}  // namespace quorate::shell
