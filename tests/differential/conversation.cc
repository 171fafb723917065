#include "tests/differential/conversation.h"

#include <algorithm>
#include <cstdio>

namespace quorate::differential {

namespace {

std::size_t replies_in(const Link& link) {
  return static_cast<std::size_t>(
      std::count_if(link.packets().begin(), link.packets().end(),
                    [](const Bytes& packet) { return !is_event(packet); }));
}

const char* name_of_side(int side) {
  return side == kOracle ? "oracle" : "ours";
}

Request barrier_ping() {
  Request request;
  request.xid = xid::kPing;
  request.op = static_cast<std::int32_t>(OpCode::Ping);
  request.what = "ping behind the step";
  return request;
}

/// Within a run of events that nothing else divides, in an order of our own.
void sort_events(std::vector<Item>& items) {
  auto from = items.begin();
  while (from != items.end()) {
    auto to = std::find_if(from, items.end(), [](const Item& item) { return !item.event; });
    std::stable_sort(from, to, [](const Item& a, const Item& b) {
      return std::pair(a.text("path"), a.text("type")) < std::pair(b.text("path"), b.text("type"));
    });
    from = to == items.end() ? to : to + 1;
  }
}

std::string all_of(const std::vector<Item>& items) {
  std::string text;
  for (const Item& item : items) text += "      " + item.shown() + "\n";
  return text;
}

}  // namespace

void Conversation::drop(int index) {
  for (Slot::Side& side : slots_[index].side) side.link.reset();
}

// ---- Exchanges ---------------------------------------------------------------------------------

Difference Conversation::exchange(int index, const std::vector<Request>& requests,
                                  Generator& generator) {
  for (int side = 0; side < 2; ++side) {
    Bytes all;
    for (const Request& request : requests) {
      append_frame(all, [&](JuteWriter& out) { out.raw(request.packet(side)); });
    }
    slots_[index].side[side].link->send(all);
  }
  requests_sent_ += requests.size();
  const bool closing =
      !requests.empty() && requests.back().op == static_cast<std::int32_t>(OpCode::CloseSession);
  return settle(index, requests, closing, generator);
}

Difference Conversation::close_session(int index, Generator& generator) {
  Difference found = exchange(index, {generator.close_session()}, generator);
  if (!found.empty()) return found;
  if (slots_[index].connected()) return "both servers keep the connection of a closed session";
  slots_[index].has_session = false;
  drop(index);
  return {};
}

Difference Conversation::garbage(int index, ByteView bytes, Generator& generator) {
  for (Slot::Side& side : slots_[index].side) side.link->send(bytes);
  ++requests_sent_;
  return settle(index, {}, /*unordered=*/false, generator);
}

Difference Conversation::refused_by_ours(int index, const Request& request, bool closes,
                                         Generator& generator) {
  Link& link = *slots_[index].side[kOurs].link;
  link.send_packet(request.packet(kOurs));
  ++requests_sent_;
  Link* links[] = {&link};
  const bool answered =
      wait_until(links, [&] { return replies_in(link) >= 1 && (link.closed() || !closes); });
  if (!answered) return "ours does not refuse " + request.what;
  const Item item = decode_reply(link.packets().front(), request);
  if (item.err != -6 || item.fields.size() != 3)
    return "ours: " + item.shown() + " to " + request.what;
  link.packets().pop_front();
  rules_.use(closes ? RuleId::CheckAlone : RuleId::DeleteContainer);
  if (!closes) return settle(index, {}, /*unordered=*/false, generator);
  drop(index);
  return settle(-1, {}, /*unordered=*/false, generator);
}

Difference Conversation::settle(int index, std::vector<Request> requests, bool unordered,
                                Generator& generator) {
  std::vector<Link*> links;
  if (index >= 0) {
    for (int side = 0; side < 2; ++side) links.push_back(slots_[index].side[side].link.get());
    const bool answered = wait_until(links, [&] {
      return std::all_of(links.begin(), links.end(), [&](Link* link) {
        return link->closed() || replies_in(*link) >= requests.size();
      });
    });
    if (!answered) {
      return "no answer within 10 s; replies of the oracle " +
             std::to_string(replies_in(*links[0])) + ", ours " +
             std::to_string(replies_in(*links[1])) + " of " + std::to_string(requests.size());
    }
  }
  // Who was told to go is going: a ping would only race with the end of the connection.
  const auto dismissed = [](Link* link) {
    constexpr std::int32_t kUnimplemented = -6, kAuthFailed = -115;
    if (link->packets().empty() || link->packets().back().size() < 16) return false;
    const auto err = load_be<std::int32_t>(link->packets().back().data() + 12);
    const auto zxid = load_be<std::int64_t>(link->packets().back().data() + 4);
    return (err == kUnimplemented && zxid == -1) || err == kAuthFailed;
  };
  if (links.size() == 2 && dismissed(links[0]) && dismissed(links[1])) {
    wait_until(links, [&] { return links[0]->closed() && links[1]->closed(); });
  }
  Difference found = barrier(requests.empty() ? "" : requests.back().what);
  // Who speaks comes first: what others see follows from what it was answered.
  for (int turn = 0; turn < kSlots && found.empty(); ++turn) {
    const int one = index < 0 ? turn : (index + turn) % kSlots;
    if (!slots_[one].side[0].link) continue;
    std::vector<Request> expected;
    if (one == index) expected = requests;
    expected.push_back(barrier_ping());
    found = compare_slot(one, expected, unordered, generator);
  }
  return found;
}

/// Behind the answer to a ping there is nothing left of the step.
Difference Conversation::barrier(const std::string& what) {
  std::vector<Link*> links;
  std::vector<std::size_t> wanted;
  const Bytes ping = barrier_ping().packet(kOurs);
  for (Slot& slot : slots_) {
    for (Slot::Side& side : slot.side) {
      if (!side.link) continue;
      links.push_back(side.link.get());
      wanted.push_back(replies_in(*side.link) + 1);
      side.link->send_packet(ping);
    }
  }
  const bool answered = links.empty() || wait_until(links, [&] {
                          for (std::size_t i = 0; i < links.size(); ++i) {
                            if (!links[i]->closed() && replies_in(*links[i]) < wanted[i])
                              return false;
                          }
                          return true;
                        });
  return answered ||
                 std::all_of(links.begin(), links.end(), [](Link* link) { return link->closed(); })
             ? ""
             : "no answer to the ping behind " + what;
}

std::vector<Item> Conversation::take_items(int index, int side,
                                           const std::vector<Request>& requests) {
  std::vector<Item> items;
  std::size_t replies = 0;
  static const Request kNone;
  for (const Bytes& packet : slots_[index].side[side].link->packets()) {
    if (is_event(packet)) {
      items.push_back(decode_event(packet));
      continue;
    }
    if (side == kOracle && requests.size() > 1) oracle_replies_.push_back(packet);
    items.push_back(decode_reply(packet, replies < requests.size() ? requests[replies] : kNone));
    ++replies;
  }
  slots_[index].side[side].link->packets().clear();
  return items;
}

Difference Conversation::compare_slot(int index, const std::vector<Request>& requests,
                                      bool unordered, Generator& generator) {
  if (requests.size() > 1) oracle_replies_.clear();
  std::vector<Item> items[2];
  for (int side = 0; side < 2; ++side) items[side] = take_items(index, side, requests);
  // What was sent, before any rule touches it.
  const std::string sent =
      "    the oracle sent\n" + all_of(items[0]) + "    ours sent\n" + all_of(items[1]);
  if (verbose) std::printf("  session %d:\n%s", index, sent.c_str());
  if (unordered) {
    sort_events(items[0]);
    sort_events(items[1]);
  }
  rules_.drop_events(index, items[0], items[1]);
  const std::string where = "session " + std::to_string(index) + ": ";
  std::size_t replies = 0;
  for (std::size_t i = 0; i < std::min(items[0].size(), items[1].size()); ++i) {
    const bool reply = !items[1][i].event;
    const Request* request = reply && replies < requests.size() ? &requests[replies] : nullptr;
    Difference found = compare_item(index, request, items[0][i], items[1][i], generator);
    if (!found.empty()) return where + found + "\n" + sent;
    replies += reply;
  }
  if (items[0].size() != items[1].size()) return where + "one server sent more\n" + sent;
  Slot& slot = slots_[index];
  if (slot.side[0].link->closed() != slot.side[1].link->closed()) {
    return where + "only " + name_of_side(slot.side[0].link->closed() ? 0 : 1) +
           " closed the connection\n" + sent;
  }
  if (slot.side[0].link->closed()) drop(index);
  return {};
}

Difference Conversation::compare_item(int index, const Request* request, Item& oracle, Item& ours,
                                      Generator& generator) {
  if (oracle.event != ours.event)
    return "an event and a reply: " + oracle.shown() + " / " + ours.shown();
  if (oracle.event) {
    rules_.note_event(index, ours);
    rules_.event(oracle, ours);
  } else if (request != nullptr) {
    const Item as_sent = ours;
    Difference before = pairing_.difference(oracle, ours);
    if (!before.empty()) rules_.reply(index, *request, oracle, ours);
    rules_.note_reply(index, *request, as_sent);
    if (before.empty()) generator.saw(*request, oracle);
  }
  Difference found = pairing_.difference(oracle, ours);
  if (!found.empty()) {
    return found + (request == nullptr ? "" : " to " + request->what) + "\n    oracle " +
           oracle.shown() + "\n    ours   " + ours.shown();
  }
  pairing_.learn(oracle, ours);
  if (const Field* zxid = oracle.find("zxid")) {
    generator.saw_zxid({{zxid->number, ours.find("zxid")->number}});
  }
  return {};
}

// ---- Handshakes --------------------------------------------------------------------------------

Bytes Conversation::connect_packet(const ConnectShape& shape, int side, std::int64_t session,
                                   const Buffer& password, std::int64_t beyond) const {
  ConnectRequest request;
  request.protocol_version = shape.protocol_version;
  request.last_zxid_seen = {shape.last_zxid_seen.zxid[side] + beyond};
  request.timeout_ms = shape.timeout_ms;
  request.session_id = {session};
  request.password = password;
  if (shape.read_only >= 0) request.read_only = shape.read_only != 0;
  return encode_all(request);
}

/// The answers to two connect requests, which must be alike; a closed connection is an answer.
Difference Conversation::compare_handshake(Links& links, Item (&answers)[2]) {
  Link* both[] = {links[0].get(), links[1].get()};
  const auto answered = [](Link* link) { return link->closed() || !link->packets().empty(); };
  if (!wait_until(both, [&] { return answered(both[0]) && answered(both[1]); })) {
    return std::string("no answer to a connect request; ") +
           name_of_side(answered(both[0]) ? kOurs : kOracle) + " is silent";
  }
  for (int side = 0; side < 2; ++side) {
    if (both[side]->packets().empty()) continue;
    answers[side] = decode_connect_response(both[side]->packets().front());
    both[side]->packets().pop_front();
  }
  Difference found = pairing_.difference(answers[0], answers[1]);
  const std::string shown =
      "\n    oracle " + answers[0].shown() + "\n    ours   " + answers[1].shown();
  if (!found.empty()) return "connect: " + found + shown;
  pairing_.learn(answers[0], answers[1]);
  const bool refused = answers[0].fields.empty() || answers[0].text("timeOut") == "0";
  if (refused && !wait_until(both, [&] { return both[0]->closed() && both[1]->closed(); })) {
    return std::string("a refused connection stays open at ") +
           name_of_side(both[0]->closed() ? kOurs : kOracle) + shown;
  }
  return {};
}

Difference Conversation::handshake(int index, Links& links, bool may_refuse) {
  Item answers[2];
  Difference found = compare_handshake(links, answers);
  if (!found.empty()) return found;
  Slot& slot = slots_[index];
  const bool refused = answers[0].fields.empty() || answers[0].text("timeOut") == "0";
  if (refused) {
    if (!may_refuse) return "both servers refuse a session: " + answers[0].shown();
    return {};
  }
  for (int side = 0; side < 2; ++side) {
    slot.side[side].link = std::move(links[side]);
    slot.side[side].session = answers[side].find("sessionId")->number;
  }
  slot.has_session = true;
  rules_.new_connection(index);
  return {};
}

Difference Conversation::connect(int index, const ConnectShape& shape,
                                 const std::vector<Request>& eager, Generator& generator) {
  Links links;
  for (int side = 0; side < 2; ++side) {
    links[side] = std::make_unique<Link>(addresses_[side]);
    Bytes all;
    append_frame(all,
                 [&](JuteWriter& out) { out.raw(connect_packet(shape, side, 0, shape.password)); });
    for (const Request& request : eager) {
      append_frame(all, [&](JuteWriter& out) { out.raw(request.packet(side)); });
    }
    links[side]->send(all);
  }
  ++requests_sent_;
  requests_sent_ += eager.size();
  Link* both[] = {links[0].get(), links[1].get()};
  wait_until(both, [&] {
    return (both[0]->closed() || !both[0]->packets().empty()) &&
           (both[1]->closed() || !both[1]->packets().empty());
  });
  Slot& slot = slots_[index];
  for (int side = 0; side < 2; ++side) {
    slot.side[side].password.reset();
    if (links[side]->packets().empty()) continue;
    if (Result<ConnectResponse> answer =
            decode_all<ConnectResponse>(links[side]->packets().front())) {
      slot.side[side].password = answer->password;
    }
  }
  Difference found = handshake(index, links, /*may_refuse=*/false);
  return found.empty() ? settle(index, eager, /*unordered=*/false, generator) : found;
}

Difference Conversation::reattach(int index, const ConnectShape& shape, bool steal,
                                  Generator& generator) {
  Slot& slot = slots_[index];
  Links old;
  for (int side = 0; side < 2; ++side) {
    if (steal) old[side] = std::move(slot.side[side].link);
    slot.side[side].link.reset();
  }
  Links links;
  for (int side = 0; side < 2; ++side) {
    links[side] = std::make_unique<Link>(addresses_[side]);
    links[side]->send_packet(
        connect_packet(shape, side, slot.side[side].session, slot.side[side].password));
  }
  ++requests_sent_;
  Difference found = handshake(index, links, /*may_refuse=*/false);
  if (!found.empty()) return found;
  if (old[0] && old[1]) {
    Link* both[] = {old[0].get(), old[1].get()};
    if (!wait_until(both, [&] { return both[0]->closed() && both[1]->closed(); })) {
      return std::string("the connection a session has left stays open at ") +
             name_of_side(both[0]->closed() ? kOurs : kOracle);
    }
  }
  return settle(index, {}, /*unordered=*/false, generator);
}

Difference Conversation::wrong_password(int index, const ConnectShape& shape,
                                        Generator& generator) {
  Slot& slot = slots_[index];
  Links links;
  for (int side = 0; side < 2; ++side) {
    links[side] = std::make_unique<Link>(addresses_[side]);
    Buffer wrong = shape.password;
    if (shape.protocol_version > 0) {
      wrong = slot.side[side].password;
      wrong->back() ^= 1;
    }
    links[side]->send_packet(connect_packet(shape, side, slot.side[side].session, wrong));
  }
  ++requests_sent_;
  Item answers[2];
  Difference found = compare_handshake(links, answers);
  if (!found.empty()) return found;
  if (answers[0].text("timeOut") != "0") return "both servers take a wrong password";
  if (slot.side[0].link) {
    Link* both[] = {slot.side[0].link.get(), slot.side[1].link.get()};
    if (!wait_until(both, [&] { return both[0]->closed() && both[1]->closed(); })) {
      return std::string("behind a wrong password the old connection stays open at ") +
             name_of_side(both[0]->closed() ? kOurs : kOracle);
    }
    drop(index);
  }
  return settle(-1, {}, /*unordered=*/false, generator);
}

Difference Conversation::stranger(const ConnectShape& shape, std::int64_t session,
                                  std::int64_t beyond) {
  Links links;
  for (int side = 0; side < 2; ++side) {
    links[side] = std::make_unique<Link>(addresses_[side]);
    links[side]->send_packet(connect_packet(shape, side, session, shape.password, beyond));
  }
  ++requests_sent_;
  Item answers[2];
  Difference found = compare_handshake(links, answers);
  if (!found.empty()) return found;
  const bool refused = answers[0].fields.empty() || answers[0].text("timeOut") == "0";
  return refused ? "" : "both servers take a stranger: " + answers[0].shown();
}

Difference Conversation::broken_handshake(ByteView bytes) {
  Links links;
  for (int side = 0; side < 2; ++side) {
    links[side] = std::make_unique<Link>(addresses_[side]);
    links[side]->send(bytes);
  }
  ++requests_sent_;
  Item answers[2];
  return compare_handshake(links, answers);
}

}  // namespace quorate::differential
