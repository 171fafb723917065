// Who is there: members come by joining, and go by leaving or when their session ends.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_group.h"

using namespace example;

namespace {

std::string names(const std::vector<Member>& members) {
  std::string line;
  for (const Member& member : members) line += (line.empty() ? "" : " ") + member.id;
  return line;
}

}  // namespace

int main(int argc, char** argv) {
  Session here(argc, argv), there(argc, argv);
  SyncGroup ours(here, "/examples/group", "here");
  SyncGroup theirs(there, "/examples/group", "there");
  News news;
  ours.watch(
      [news](const std::vector<Member>& members) { news.tell("members: " + names(members)); });

  must(ours.join(kSoon));
  must(theirs.join(kSoon));
  news.await("members: here there");  // In the order of joining.
  std::printf("%s\n", names(must(ours.members())).c_str());

  there.close();  // As if that process had ended.
  news.await("members: here");
  std::printf("%s\n", names(must(ours.members())).c_str());
}
