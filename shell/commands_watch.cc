// addWatch, removewatches, printwatches, watch.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "shell/command_table.h"
#include "shell/data_view.h"
#include "shell/render.h"

namespace quorate::shell {

namespace {

using client::WatchType;

Exit run_add_watch(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  std::string mode = arguments.value("m", "PERSISTENT_RECURSIVE");
  std::transform(mode.begin(), mode.end(), mode.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (mode != "PERSISTENT" && mode != "PERSISTENT_RECURSIVE") {
    return session.refuse("no such mode: " + mode);
  }
  const auto wanted = mode == "PERSISTENT" ? client::AddWatchMode::Persistent
                                           : client::AddWatchMode::PersistentRecursive;
  const Status status = session.remote.add_watch(path, wanted, session.printer(true));
  if (!status) return session.finish(status, path);
  return session.answer("", Json{{"path", path}, {"mode", mode}});
}

Exit run_remove_watches(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  WatchType type = WatchType::Any;
  int kinds = 0;
  for (const auto& [option, each] : {std::pair{"c", WatchType::Children},
                                     {"d", WatchType::Data},
                                     {"p", WatchType::Persistent},
                                     {"r", WatchType::PersistentRecursive},
                                     {"a", WatchType::Any}}) {
    if (!arguments.has(option)) continue;
    type = each;
    ++kinds;
  }
  if (kinds > 1) return session.refuse("one kind of watch at a time");
  const Status status =
      session.remote.remove_watches(path, type, client::Watcher(), arguments.has("l"));
  if (!status) return session.finish(status, path);
  return session.answer("", Json{{"path", path}, {"removed", true}});
}

Exit run_print_watches(Session& session, const Arguments& arguments) {
  if (!arguments.words.empty()) {
    const std::string& word = arguments.words[0];
    if (word != "on" && word != "off" && !session.style().zkcli) return Exit::Usage;
    session.print_watches = word == "on";
    return session.answer("", Json{{"printwatches", session.print_watches}});
  }
  return session.answer(
      std::string("printwatches is ") + (session.print_watches ? "on" : "off") + "\n",
      Json{{"printwatches", session.print_watches}});
}

/// Events on their way from the client's thread to the command.
struct EventQueue {
  static constexpr std::size_t kMax = 10'000;
  std::mutex mutex;  // Both fields.
  std::condition_variable came;
  std::deque<client::WatchEvent> events;
  std::size_t lost = 0;

  void push(const client::WatchEvent& event) {
    const std::lock_guard lock(mutex);
    if (events.size() == kMax) {
      ++lost;
    } else {
      events.push_back(event);
    }
    came.notify_one();
  }
};

const char* verb(client::EventType type) {
  switch (type) {
    case client::EventType::NodeCreated:
      return "created ";
    case client::EventType::NodeDeleted:
      return "deleted ";
    case client::EventType::NodeDataChanged:
      return "changed ";
    default:
      return name_of(type);
  }
}

std::string coloured_verb(const Style& style, client::EventType type) {
  if (type == client::EventType::NodeCreated) return colour::green(style, verb(type));
  if (type == client::EventType::NodeDeleted) return colour::red(style, verb(type));
  return colour::blue(style, verb(type));
}

void show_event(Session& session, const client::WatchEvent& event, bool with_data) {
  Json json = event_json(event);
  std::string text = local_time(now_ms()).substr(11) + "  " +
                     coloured_verb(session.style(), event.type) + " " + event.path;
  if (with_data && (event.type == client::EventType::NodeDataChanged ||
                    event.type == client::EventType::NodeCreated)) {
    auto reply = session.remote.get_data(event.path);
    if (reply) {
      put_data(json, reply.value.data);
      const std::string data = reply.value.data.value_or("null");
      text += "  " + (is_text(data) ? data.substr(0, 200)
                                    : "(" + std::to_string(data.size()) + " bytes, binary)");
    }
  }
  session.answer(text + "\n", json);
}

/// Prints what comes until Ctrl-C, the end of the session, or `count` events.
Exit stream_events(Session& session, EventQueue& queue, std::int64_t count, bool with_data) {
  for (std::int64_t shown = 0; count <= 0 || shown < count; ++shown) {
    client::WatchEvent event;
    {
      std::unique_lock lock(queue.mutex);
      while (queue.events.empty() && !cancel_flag() && session.remote.alive()) {
        queue.came.wait_for(lock, std::chrono::milliseconds(50));
      }
      if (queue.lost > 0) {
        session.refuse(std::to_string(queue.lost) + " events came too fast and were lost",
                       Exit::ErrorAnswer);
        queue.lost = 0;
      }
      if (queue.events.empty()) break;
      event = queue.events.front();
      queue.events.pop_front();
    }
    if (event.type == client::EventType::None) break;
    show_event(session, event, with_data);
  }
  return session.remote.alive() ? Exit::Ok : session.refuse("Not connected", Exit::NoConnection);
}

Exit run_watch(Session& session, const Arguments& arguments) {
  const std::string path = arguments.word(0, session.directory.empty() ? "/" : session.directory);
  const auto count = parse_int64(arguments.value("n", "0"));
  if (!count || *count < 0) return session.refuse("not a number: " + arguments.value("n"));
  auto queue = std::make_shared<EventQueue>();
  const client::Watcher watcher([queue](const client::WatchEvent& event) { queue->push(event); });
  const Status set =
      session.remote.add_watch(path, client::AddWatchMode::PersistentRecursive, watcher);
  if (set.code == client::Code::Unimplemented) {
    return session.refuse("this server has no watches that stay (ZooKeeper 3.6 or later has)",
                          Exit::ErrorAnswer);
  }
  if (!set) return session.finish(set, path);
  session.output.begin_command(/*paged=*/false);
  if (session.style().interactive && !session.style().json) {
    session.output.out(colour::grey(session.style(), "watching " + path + "; Ctrl-C ends it") +
                       "\n");
  }
  const Exit code = stream_events(session, *queue, *count, arguments.has("d"));
  cancel_flag() = false;
  if (session.remote.alive()) {
    session.remote.remove_watches(path, WatchType::Any, watcher, /*local=*/true);
  }
  return code;
}

}  // namespace

std::vector<Command> watch_commands() {
  return {
      {"addWatch",
       "[-m mode] path # mode is PERSISTENT or PERSISTENT_RECURSIVE (default)",
       "set a watch that stays",
       "addWatch -m PERSISTENT /config",
       {{"m", "mode", "PERSISTENT: this node; PERSISTENT_RECURSIVE: all below, too"}},
       1,
       1,
       Paths::First,
       run_add_watch},
      {"removewatches",
       "path [-c|-d|-p|-r|-a] [-l]",
       "take watches of this session back",
       "removewatches /config -a",
       {{"c", "", "of children"},
        {"d", "", "of data"},
        {"p", "", "persistent (3.9)"},
        {"r", "", "persistent recursive (3.9)"},
        {"a", "", "any; the default"},
        {"l", "", "also when the server cannot be asked"}},
       1,
       1,
       Paths::First,
       run_remove_watches},
      {"printwatches",
       "[on|off]",
       "print the events of watches, or do not",
       "printwatches off",
       {},
       0,
       1,
       Paths::None,
       run_print_watches,
       kOffline},
      {"watch",
       "[-d] [-n count] [path]",
       "print every change below a node until Ctrl-C",
       "watch -d /config",
       {{"d", "", "print the new data, too"}, {"n", "count", "end after so many events"}},
       0,
       1,
       Paths::First,
       run_watch,
       kOurs},
  };
}

}  // namespace quorate::shell
