// Steps that recipes are made of. Each repeats itself until a server has answered, so that a lost
// connection is waited out; each ends with the job's reason when the job is stopped.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "client-lib/src/recipes/job.h"

namespace quorate::client {

/// The outcome is unknown or the request was never carried out; a read may be asked again.
bool again(const ErrorCode& error);

/// "/" for "" and "/", else `folder` and '/' between.
std::string join_path(const std::string& folder, const std::string& name);
/// "/a" of "/a/b", "" of "/a".
std::string parent_of(const std::string& path);
/// "b" of "/a/b".
std::string name_of_node(const std::string& path);

/// Rings `bell` at any event, also at the end of the session.
Watcher ringing(BellPtr bell);

asio::awaitable<Answer<GetChildrenReply>> list(JobPtr job, std::string path, Watcher watcher = {});
asio::awaitable<Answer<GetDataReply>> read(JobPtr job, std::string path, Watcher watcher = {});
asio::awaitable<Answer<Stat>> look(JobPtr job, std::string path, Watcher watcher = {});
asio::awaitable<ErrorCode> catch_up(JobPtr job, std::string path);

/// Deletes whatever version; a node that is not there is no error.
asio::awaitable<ErrorCode> drop(JobPtr job, std::string path);

/// Creates the persistent nodes of `path` that are missing, itself included, with open ACLs.
asio::awaitable<ErrorCode> make_path(JobPtr job, std::string path);

/// Stats of those of `names` below `folder` that exist, asked for all at once.
asio::awaitable<Answer<std::map<std::string, Stat>>> look_at_all(JobPtr job, std::string folder,
                                                                 std::vector<std::string> names);

/// Data and Stats of those of `names` below `folder` that exist, asked for all at once.
asio::awaitable<Answer<std::map<std::string, GetDataReply>>> read_all(
    JobPtr job, std::string folder, std::vector<std::string> names);

/// Data and Stats, and the children, of those of `paths` that exist and may be read.
struct NodeAndChildren {
  GetDataReply node;
  std::vector<std::string> children;
};
asio::awaitable<Answer<std::map<std::string, NodeAndChildren>>> read_nodes(
    JobPtr job, std::vector<std::string> paths);

}  // namespace quorate::client
