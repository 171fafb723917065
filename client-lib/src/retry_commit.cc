// A transaction that is asked again until its outcome is known.
#include <algorithm>

#include "client-lib/src/tries.h"

namespace quorate::client {

namespace {

/// One transaction: what is sent, and the operation whose effect tells whether all was done.
struct Commit {
  Transaction transaction;                     ///< Sequential nodes have a GUID in their names.
  std::vector<Creation> creations;             ///< In the order of the operations that create.
  std::optional<Creation> creation;            ///< A witness: a node that nobody else makes.
  std::optional<Transaction::SetData> change;  ///< Another one: data that follows on a version.
  bool harmless = true;                        ///< Done twice, it leaves what it leaves done once.
};

bool witnesses(const Creation& creation) {
  return !creation.name.empty() || is_ephemeral(creation.options.mode);
}

void add(Commit& commit, const Client& client, const Transaction::Create& op) {
  Creation creation = plan_creation(client, op.path, op.data, op.options);
  commit.transaction.create(creation.path, creation.data, creation.options);
  // A GUID is better than a plain name, which could have been ours before.
  const bool better = !commit.creation || (commit.creation->name.empty() && !creation.name.empty());
  if (witnesses(creation) && better) commit.creation = creation;
  commit.creations.push_back(std::move(creation));
  commit.harmless = false;
}
void add(Commit& commit, const Client&, const Transaction::SetData& op) {
  commit.transaction.set_data(op.path, op.data, op.version);
  if (op.version == kAnyVersion) return;
  commit.harmless = false;
  if (!commit.change) commit.change = op;
}
void add(Commit& commit, const Client&, const Transaction::Remove& op) {
  commit.transaction.remove(op.path, op.version);
  commit.harmless = false;
}
void add(Commit& commit, const Client&, const Transaction::Check& op) {
  commit.transaction.check(op.path, op.version);
}

Commit plan_commit(const Client& client, const Transaction& transaction) {
  Commit commit;
  for (const Transaction::Op& op : transaction.ops()) {
    std::visit([&](const auto& each) { add(commit, client, each); }, op);
  }
  return commit;
}

/// What became of the earlier tries. Theirs: none of them was carried out, and none will be.
struct Verdict {
  Found found = Found::No;
  ErrorCode error;
};

asio::awaitable<Verdict> judge_change(TriesPtr tries, const Transaction::SetData& change) {
  Verdict verdict;
  auto [unsynced] = co_await tries->client->async_sync(change.path, kTryAwait);
  verdict.error = unsynced;
  if (!unsynced) {
    auto [unread, node] = co_await tries->client->async_get_data(change.path, kTryAwait);
    verdict.error = unread;
    if (!unread && node.stat.version > change.version) {
      // One further with our data: ours. Several: ours may be among those before.
      const bool next = node.stat.version == change.version + 1;
      if (next && node.data == change.data) verdict.found = Found::Ours;
      if (!next) verdict.error = ClientErrc::OutcomeUnknown;
    }
    if (unread == ErrorCode(Code::NoNode)) verdict.error = ClientErrc::OutcomeUnknown;
  }
  if (verdict.error) verdict.found = Found::Failed;
  co_return verdict;
}

/// Only where an earlier try may have been carried out.
asio::awaitable<Verdict> judge(TriesPtr tries, const Commit& commit) {
  Verdict verdict;
  if (commit.creation) {
    Search search = co_await search_for(tries, *commit.creation);
    verdict.found = search.found;
    verdict.error = search.error;
    // Somebody else's node: the next try is refused for it.
    if (search.found == Found::Theirs) verdict.found = Found::No;
  } else if (commit.change) {
    verdict = co_await judge_change(tries, *commit.change);
  }
  co_return verdict;
}

/// Fills in what was done as it is now.
asio::awaitable<ErrorCode> describe_done(TriesPtr tries, const Commit& commit,
                                         TransactionReply& reply) {
  reply = TransactionReply();
  std::size_t created = 0;
  for (const Transaction::Op& op : commit.transaction.ops()) {
    TransactionReply::Result result;
    if (std::holds_alternative<Transaction::Create>(op)) {
      const Creation& creation = commit.creations[created++];
      Search search = co_await search_for(tries, creation);
      if (search.found == Found::Failed) co_return search.error;
      if (search.reply.path.empty() && creation.name.empty()) search.reply.path = creation.path;
      result.value = std::move(search.reply);
    } else if (const auto* change = std::get_if<Transaction::SetData>(&op)) {
      auto [error, stat] = co_await tries->client->async_exists(change->path, kTryAwait);
      if (error && error != ErrorCode(Code::NoNode)) co_return error;
      result.value = stat;
    }
    reply.results.push_back(std::move(result));
  }
  co_return ErrorCode();
}

/// The answer to a try after one that was lost, where nothing can be looked at that would tell.
bool tells_nothing(const Commit& commit, const ErrorCode& error) {
  if (commit.creation || commit.change || commit.harmless) return false;
  return error == ErrorCode(Code::NodeExists) || error == ErrorCode(Code::NoNode) ||
         error == ErrorCode(Code::BadVersion) || error == ErrorCode(Code::NotEmpty);
}

asio::awaitable<ErrorCode> commit_once(TriesPtr tries, const Commit& commit,
                                       TransactionReply& reply) {
  if (tries->in_doubt) {
    const Verdict verdict = co_await judge(tries, commit);
    if (verdict.found == Found::Failed) co_return verdict.error;
    if (verdict.found == Found::Ours) co_return co_await describe_done(tries, commit, reply);
  }
  Transaction copy = commit.transaction;
  auto [error, answer] = co_await tries->client->async_commit(std::move(copy), kTryAwait);
  reply = std::move(answer);
  if (tries->in_doubt && tells_nothing(commit, error)) co_return ClientErrc::OutcomeUnknown;
  co_return error;
}

asio::awaitable<void> run_commit(TriesPtr tries, Commit commit, Client::CommitHandler handler) {
  co_await asio::this_coro::throw_if_cancelled(false);
  ErrorCode error;
  TransactionReply reply;
  do {
    error = co_await commit_once(tries, commit, reply);
  } while (co_await tries->again(error));
  finish_tries(tries, std::move(handler), error, std::move(reply));
}

}  // namespace

void Retry::start_commit(Transaction transaction, Client::CommitHandler handler) {
  Commit commit = plan_commit(*client_, transaction);
  start_tries(client_, policy_, std::move(handler), [&](TriesPtr tries, auto h) {
    return run_commit(std::move(tries), std::move(commit), std::move(h));
  });
}

}  // namespace quorate::client
