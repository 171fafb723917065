#include "tests/differential/run.h"

#include <cstdio>

namespace quorate::differential {

namespace {

class Run {
 public:
  Run(Conversation& conversation, Normaliser& rules, const RunOptions& options)
      : conversation_(conversation),
        options_(options),
        home_("/d" + std::to_string(options.seed)),
        generator_(Random(options.seed), {home_, options.skip, options.quota, options.whole}) {
    rules.begin_run();
    conversation_.verbose = options.verbose;
  }

  Difference all() {
    const std::uint64_t end = conversation_.requests_sent() + options_.requests;
    Difference found = begin();
    while (found.empty() && conversation_.requests_sent() < end && step_ < options_.upto) {
      ++step_;
      found = step();
    }
    if (found.empty() && step_ < options_.upto) found = finish();
    if (found.empty()) return {};
    std::string asked;
    for (const std::string& one : asked_) asked += "    " + one + "\n";
    return "step " + std::to_string(step_) + ", " + what_ + "\n" + asked + found;
  }

 private:
  Random& random() { return generator_.random(); }

  void say(std::string what) {
    what_ = std::move(what);
    asked_.clear();
    if (options_.verbose)
      std::printf("step %llu: %s\n", static_cast<unsigned long long>(step_), what_.c_str());
  }

  Difference exchange(int slot, const std::vector<Request>& requests, const char* what) {
    say("session " + std::to_string(slot) + ": " + what);
    for (const Request& request : requests) {
      asked_.push_back("xid=" + std::to_string(request.xid) + " " + request.what);
      if (options_.verbose) std::printf("    %s\n", asked_.back().c_str());
    }
    return conversation_.exchange(slot, requests, generator_);
  }

  Difference begin() {
    Difference found = be_connected(0);
    if (!found.empty()) return found;
    const CreateRequest home{home_, std::nullopt, open_acl(), 0};
    Request create;
    create.xid = 1'000'000;
    create.op = static_cast<std::int32_t>(OpCode::Create);
    create.body = encode_all(home);
    create.what = "create " + home_;
    return exchange(0, {create}, "begin");
  }

  Difference be_connected(int slot) {
    Slot& who = conversation_.slot(slot);
    if (who.has_session && who.connected()) return {};
    generator_.new_connection(slot);
    if (who.has_session) {
      say("session " + std::to_string(slot) + ": comes back");
      return conversation_.reattach(slot, generator_.connect_shape(), /*steal=*/false, generator_);
    }
    say("session " + std::to_string(slot) + ": connect");
    std::vector<Request> eager;
    if (step_ > 0 && random().percent(30)) eager = generator_.batch(slot);
    for (const Request& request : eager) asked_.push_back("with it: " + request.what);
    return conversation_.connect(slot, generator_.connect_shape(), eager, generator_);
  }

  Difference step() {
    const int slot = static_cast<int>(random().below(kSlots));
    Difference found = be_connected(slot);
    if (!found.empty()) return found;
    const auto roll = random().below(1000);
    if (roll < 900) return exchange(slot, generator_.batch(slot), "batch");
    if (roll < 930) return last_words(slot);
    if (roll < 945) {
      std::string what;
      const Bytes bytes = generator_.garbage(what);
      say("session " + std::to_string(slot) + " sends garbage: " + what);
      return conversation_.garbage(slot, bytes, generator_);
    }
    if (roll < 960) {
      say("session " + std::to_string(slot) + ": closeSession");
      return conversation_.close_session(slot, generator_);
    }
    if (roll < 985) return connection_trouble(slot);
    return stranger();
  }

  Difference last_words(int slot) {
    const Request request = generator_.last_words();
    const auto op = static_cast<OpCode>(request.op);
    if (op != OpCode::Check && op != OpCode::DeleteContainer)
      return exchange(slot, {request}, "last words");
    say("session " + std::to_string(slot) + ": to ours alone: " + request.what);
    return conversation_.refused_by_ours(slot, request, op == OpCode::Check, generator_);
  }

  Difference connection_trouble(int slot) {
    const ConnectShape shape = generator_.connect_shape();
    const std::string who = "session " + std::to_string(slot);
    if (random().percent(30)) {
      say(who + ": wrong password");
      return conversation_.wrong_password(slot, shape, generator_);
    }
    const bool steal = random().percent(50);
    say(who + (steal ? ": taken over by a second connection" : ": connection lost, comes back"));
    generator_.new_connection(slot);
    return conversation_.reattach(slot, shape, steal, generator_);
  }

  Difference stranger() {
    const ConnectShape shape = generator_.connect_shape();
    switch (random().below(3)) {
      case 0: {
        static constexpr std::int64_t kNobody[] = {-1, 1, INT64_MIN, 0x1234567890, INT64_MAX};
        const std::int64_t session = kNobody[random().below(5)];
        say("connect request for unknown session " + std::to_string(session));
        return conversation_.stranger(shape, session, 0);
      }
      case 1:
        say("connect request of a client from the future");
        return conversation_.stranger(shape, 0, 1'000'000'000'000);
      default:
        break;
    }
    // A connect request that ends too soon, or is not one.
    Bytes bytes;
    JuteWriter out(bytes);
    const auto length = static_cast<std::int32_t>(random().below(28));
    out.i32(length);
    for (std::int32_t i = 0; i < length; ++i) out.i8(static_cast<std::int8_t>(random().below(2)));
    if (random().percent(30))
      store_be<std::int32_t>(bytes.data(), random().percent(50) ? -1 : 2'000'000);
    say("a broken handshake of " + std::to_string(length) + " bytes");
    return conversation_.broken_handshake(bytes);
  }

  // ---- The end --------------------------------------------------------------------------------

  Difference finish() {
    for (int slot = 1; slot < kSlots; ++slot) {
      if (!conversation_.slot(slot).has_session) continue;
      Difference found = be_connected(slot);
      if (!found.empty()) return found;
      say("end: closeSession");
      found = conversation_.close_session(slot, generator_);
      if (!found.empty()) return found;
    }
    Difference found = be_connected(0);
    if (found.empty() && !options_.skip.contains(static_cast<std::int32_t>(OpCode::Auth)))
      found = exchange(0, {generator_.authenticate("digest", kSuperPassword)}, "end: super user");
    if (found.empty()) found = clear("/");
    if (!found.empty()) return found;
    say("end: closeSession");
    return conversation_.close_session(0, generator_);
  }

  /// Looks at all that is below `path`, and deletes it.
  Difference clear(const std::string& path) {
    std::vector<Request> looks = {generator_.with_watch(OpCode::GetData, path, false),
                                  generator_.of_path(OpCode::GetAcl, path),
                                  generator_.with_watch(OpCode::GetChildren2, path, false)};
    Difference found = exchange(0, looks, "end: a look at what is left");
    if (!found.empty()) return found;
    JuteReader in(conversation_.oracle_replies().size() < 3
                      ? ByteView()
                      : ByteView(conversation_.oracle_replies()[2]).subspan(16));
    for (const std::string& name : in.strings()) {
      const std::string child = (path == "/" ? "" : path) + "/" + name;
      found = clear(child);
      if (!found.empty()) return found;
      const bool reserved =
          child == "/zookeeper" || child == "/zookeeper/quota" || child == "/zookeeper/config";
      if (!reserved) found = exchange(0, {generator_.deletion(child, -1)}, "end: delete");
      if (!found.empty()) return found;
    }
    return {};
  }

  Conversation& conversation_;
  const RunOptions& options_;
  std::string home_;
  Generator generator_;
  std::uint64_t step_ = 0;
  std::string what_;
  std::vector<std::string> asked_;
};

}  // namespace

Difference run_seed(Conversation& conversation, Normaliser& rules, const RunOptions& options) {
  return Run(conversation, rules, options).all();
}

}  // namespace quorate::differential
