#include "server/replica/reconfig_plan.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "consensus/member_text.h"
#include "znode/proto/error.h"

namespace quorate::server {

namespace {

using consensus::Ensemble;
using consensus::Member;

constexpr std::int64_t kServerIdMax = 255;
constexpr std::size_t kRefusalMax = 300;

/// The pieces between commas, without blanks around; empty ones do not count.
std::vector<std::string_view> pieces(std::string_view list) {
  std::vector<std::string_view> out;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view one = list.substr(0, comma);
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    if (!one.empty()) out.push_back(one);
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return out;
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Servers of one machine are told apart by their ports; every machine has this address.
bool is_everywhere(std::string_view host) {
  return host.empty() || host == "0.0.0.0" || host == "::" || host == "localhost" ||
         host == "::1" || host.starts_with("127.");
}

std::vector<std::string> endpoints(const Member& member) {
  std::vector<std::string> out;
  if (!is_everywhere(member.host)) {
    out.push_back(member.host + '|' + std::to_string(member.quorum_port));
    out.push_back(member.host + '|' + std::to_string(member.election_port));
  }
  if (member.client_address.empty()) return out;
  const auto client = consensus::parse_host_port(member.client_address);
  if (client && !is_everywhere(client->host)) {
    out.push_back(client->host + '|' + std::to_string(client->port));
  }
  return out;
}

/// What two members share, or "".
std::string clash(const std::vector<Member>& members) {
  std::vector<std::pair<std::string, ServerId>> taken;
  for (const Member& member : members) {
    for (std::string& endpoint : endpoints(member))
      taken.emplace_back(std::move(endpoint), member.id);
  }
  std::sort(taken.begin(), taken.end());
  for (std::size_t i = 1; i < taken.size(); ++i) {
    if (taken[i - 1].first != taken[i].first || taken[i - 1].second == taken[i].second) continue;
    return "server." + to_string(taken[i - 1].second) + " and server." +
           to_string(taken[i].second) + " share an address and a port";
  }
  return {};
}

/// `text` is server.N=...; the client part must be there, for it is what clients are told.
std::optional<Member> joiner(std::string_view text, std::string& why) {
  const std::size_t equals = text.find('=');
  std::string_view key = text.substr(0, equals);
  while (!key.empty() && key.back() == ' ') key.remove_suffix(1);
  const std::size_t dot = key.rfind('.');
  const auto id = dot == std::string_view::npos ? std::nullopt : number(key.substr(dot + 1));
  if (equals == std::string_view::npos || !id || *id < 0 || *id > kServerIdMax) {
    why = '"' + std::string(text) + "\": expected server.N=..., N from 0 to 255";
    return std::nullopt;
  }
  auto member = consensus::parse_member(ServerId{*id}, text.substr(equals + 1));
  if (!member) {
    why = std::string(key) + ": " + member.error().what;
  } else if (member->client_address.empty()) {
    why = std::string(key) + " has no client port behind ';'";
  } else {
    return *std::move(member);
  }
  return std::nullopt;
}

std::optional<Ensemble> all_anew(std::string_view list, std::int64_t version, std::string& why) {
  std::string lines(list);
  std::replace(lines.begin(), lines.end(), ',', '\n');
  auto parsed = consensus::parse_config_text(lines);
  if (!parsed) {
    why = parsed.error().what;
    return std::nullopt;
  }
  for (const Member& member : parsed->members()) {
    if (member.id.value >= 0 && member.id.value <= kServerIdMax) continue;
    why = "server." + to_string(member.id) + ": expected a number from 0 to 255";
    return std::nullopt;
  }
  return Ensemble(parsed->members(), version, parsed->groups());
}

std::optional<Ensemble> changed(const Ensemble& now, const znode::ReconfigRequest& request,
                                std::int64_t version, std::string& why) {
  if (now.hierarchical()) {
    why = "with groups all members must be given anew";
    return std::nullopt;
  }
  std::vector<Member> members = now.members();
  const auto take_out = [&members](ServerId id) {
    std::erase_if(members, [id](const Member& one) { return one.id == id; });
  };
  const std::string leaving = request.leaving.value_or("");
  for (const std::string_view one : pieces(leaving)) {
    const auto id = number(one);
    if (!id) {
      why = '"' + std::string(one) + "\" is no server id";
      return std::nullopt;
    }
    take_out(ServerId{*id});
  }
  const std::string joining = request.joining.value_or("");
  for (const std::string_view one : pieces(joining)) {
    std::optional<Member> member = joiner(one, why);
    if (!member) return std::nullopt;
    take_out(member->id);
    members.push_back(*std::move(member));
  }
  return Ensemble(std::move(members), version);
}

}  // namespace

Result<Ensemble> plan_members(const Ensemble& now, const znode::ReconfigRequest& request,
                              std::int64_t version, std::size_t voters_min, std::string& why) {
  std::optional<Ensemble> next = request.new_members ? all_anew(*request.new_members, version, why)
                                                     : changed(now, request, version, why);
  if (!next) return Code::BadArguments;
  why = clash(next->members());
  if (next->voter_count() < voters_min) {
    why = std::to_string(next->voter_count()) + " participants would be left, " +
          std::to_string(voters_min) + " are the least";
  } else if (next->voter_count() > consensus::kVotersMax) {
    why = "more than " + std::to_string(consensus::kVotersMax) + " participants";
  }
  if (!why.empty()) return Code::BadArguments;
  return *std::move(next);
}

Result<std::string> PeerReconfigPlanner::plan(const znode::ReconfigRequest& request,
                                              Zxid zxid) const {
  if (standalone_) return Code::Unimplemented;
  const consensus::Membership& members = peer_.membership();
  if (members.changing()) return refuse(Code::ReconfigInProgress, "another one is in progress");
  const Ensemble& now = members.current();
  if (request.based_on != -1 && request.based_on != now.version()) {
    return refuse(Code::BadVersion, "it is based on version " + std::to_string(request.based_on) +
                                        ", the config has " + std::to_string(now.version()));
  }
  std::string why;
  const Result<Ensemble> next = plan_members(now, request, zxid.value, voters_min_, why);
  if (!next) return refuse(to_code(next.error()), std::move(why));
  if (!peer_.quorum_synced(*next)) {
    return refuse(Code::NewConfigNoQuorum,
                  "no quorum of the new members is connected and synced; start those that join "
                  "first, with their own server.N line added to the others'");
  }
  return next->text();
}

/// A client's own words may be part of it.
Code PeerReconfigPlanner::refuse(Code code, std::string why) const {
  if (why.size() > kRefusalMax) why.resize(kRefusalMax);
  std::replace_if(
      why.begin(), why.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  refusal_ = std::move(why);
  return code;
}

}  // namespace quorate::server
