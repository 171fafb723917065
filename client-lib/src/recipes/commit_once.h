// A transaction that is carried out once, also when its reply is lost.
#pragma once

#include <string>

#include "client-lib/src/recipes/job.h"
#include "quorate/transaction.h"

namespace quorate::client {

/// Where the marks of the recipe at `path` are: beside it, because kazoo takes every child of a
/// queue for an item.
std::string marks_of(const std::string& path);

/// Commits `transaction` together with the making of an ephemeral znode with a GUID for a name
/// below `marks`: after a lost reply the mark tells, if our session is its owner, that all was
/// done. The mark is dropped in the background.
///
/// The reply's results are empty when the transaction was found done. Errors: that of an operation
/// (nothing was done); the job's or SessionExpired while the outcome is unknown.
asio::awaitable<Answer<TransactionReply>> commit_once(JobPtr job, Transaction transaction,
                                                      std::string marks);

}  // namespace quorate::client
