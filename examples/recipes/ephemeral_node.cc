// A znode that is there as long as this session: "I am here". Somebody who deletes it does not get
// rid of it.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_group.h"

using namespace example;

int main(int argc, char** argv) {
  Session here(argc, argv), there(argc, argv);
  {
    SyncEphemeralNode sign(here, "/examples/sign", "here I am");
    must(sign.wait(kSoon));
    std::printf("%s\n", must(there.get_data("/examples/sign")).data->c_str());

    News news;
    must(there.remove("/examples/sign"));
    const auto seen = there.exists("/examples/sign", [news](const WatchEvent& event) {
      if (event.type == quorate::EventType::NodeCreated) news.tell("made anew");
    });
    if (!seen) news.await("made anew");
    std::printf("it came back\n");
  }
  // Its owner has stopped it: it goes in the background, at the latest with the session.
  here.close();
  std::printf("gone with its session: %s\n",
              there.exists("/examples/sign").code == quorate::Code::NoNode ? "yes" : "no");
}
