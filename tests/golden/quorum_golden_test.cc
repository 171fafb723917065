// Every election message and quorum packet recorded between ZooKeeper servers decodes, and encodes
// again to the same bytes.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "consensus/codec.h"

namespace quorate::consensus {
namespace {

constexpr std::size_t kMaxField = 2 * 0xfffff;

std::filesystem::path captures() {
  const char* shared = std::getenv("QUORATE_SHARED");
  const std::filesystem::path base =
      shared != nullptr ? shared : std::filesystem::path(QUORATE_SOURCE_DIR) / ".." / "shared";
  return base / "spec" / "captures-quorum";
}

Bytes from_hex(const std::string& text) {
  Bytes out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return out;
}

void check_initial(const Bytes& bytes) {
  ByteView view(bytes);
  const auto taken = take_initial_message(view);
  REQUIRE(taken.has_value());
  REQUIRE(taken->has_value());
  CHECK(view.empty());
  CHECK(encode(**taken) == bytes);
}

void check_notification(const Bytes& frame) {
  REQUIRE(frame.size() > 4);
  const ByteView body = ByteView(frame).subspan(4);
  REQUIRE(load_be<std::int32_t>(frame.data()) == static_cast<std::int32_t>(body.size()));
  const auto decoded = decode_notification(body);
  REQUIRE(decoded.has_value());
  CHECK(encode(*decoded) == Bytes(body.begin(), body.end()));
}

/// What stands inside `data` has codecs of its own; they must give the same bytes, too.
void check_inside(const QuorumPacket& packet, bool from_learner) {
  switch (packet.type) {
    case PacketType::Request: {
      const auto request = decode_request(packet);
      REQUIRE(request.has_value());
      CHECK(encode_request(*request) == packet);
      break;
    }
    case PacketType::FollowerInfo:
    case PacketType::ObserverInfo: {
      const auto info = decode_learner_info(packet.data->view());
      REQUIRE(info.has_value());
      CHECK_FALSE(info->quorate);
      CHECK(encode_learner_info(*info) == *packet.data);
      break;
    }
    case PacketType::LeaderInfo:
      CHECK(decode_leader_info(packet.data->view())->protocol_version == 0x10000);
      break;
    case PacketType::AckEpoch:
      CHECK(encode_int(*decode_int(packet.data->view())) == *packet.data);
      break;
    case PacketType::Ping:
      if (packet.data) {
        CHECK(encode_touches(*decode_touches(packet.data->view())) == *packet.data);
      }
      break;
    case PacketType::Revalidate:
      if (from_learner) {
        CHECK(encode_question(*decode_question(packet)) == packet);
      } else {
        CHECK(encode_answer(*decode_answer(packet)) == packet);
      }
      break;
    default:
      break;
  }
}

void check_packet(const std::string& name, const Bytes& bytes) {
  ByteView view(bytes);
  const auto taken = take_packet(view, kMaxField);
  REQUIRE(taken.has_value());
  REQUIRE(taken->has_value());
  CHECK(view.empty());
  CHECK(name_of((**taken).type) == name);
  Bytes again;
  encode(again, **taken);
  CHECK(again == bytes);
  check_inside(**taken, bytes.size() == 32);  // Only REVALIDATE asks: its question has 12 bytes.
}

bool carries_no_packet(const std::string& name) {
  return name == "CONNECT" || name == "CLOSE" || name == "STEP" || name == "SNAPSTREAM";
}

}  // namespace

TEST_CASE("golden: every message recorded between ZooKeeper servers keeps its bytes") {
  const std::filesystem::path folder = captures();
  if (!std::filesystem::exists(folder)) {
    const char* ci = std::getenv("CI");
    REQUIRE_MESSAGE((ci == nullptr || std::string(ci) != "true"), "captures are absent: ", folder);
    MESSAGE("skipped, captures are absent: ", folder.string());
    return;
  }
  std::map<std::string, int> seen;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  }
  for (const auto& file : files) {
    CAPTURE(file.filename().string());
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
      const auto record = nlohmann::json::parse(line);
      const std::string name = record.at("name");
      const std::string link = record.at("link");
      const std::string hex_text = record.at("hex");
      CAPTURE(record.at("seq").get<int>());
      if (carries_no_packet(name) || hex_text.empty()) continue;
      const Bytes bytes = from_hex(hex_text);
      if (link.starts_with("election")) {
        name == "InitialMessage" ? check_initial(bytes) : check_notification(bytes);
      } else if (link.starts_with("quorum") && name != "DROPPED") {
        check_packet(name, bytes);
      } else {
        continue;
      }
      ++seen[name];
    }
  }
  CHECK(seen["InitialMessage"] >= 31);
  CHECK(seen["Notification"] >= 83);
  CHECK(seen["PROPOSAL"] >= 100);
  CHECK(seen["INFORMANDACTIVATE"] >= 1);
  CHECK(seen["REVALIDATE"] >= 2);
}

}  // namespace quorate::consensus
