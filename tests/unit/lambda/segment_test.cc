#include "examples/lambda/batch/segment.h"

#include <doctest/doctest.h>

#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "examples/lambda/batch/archiver.h"
#include "examples/lambda/batch/map_output.h"
#include "examples/lambda/batch/segment_list.h"
#include "examples/pipeline/cut.h"
#include "examples/pipeline/state_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace lambda_app;

namespace {

std::vector<std::string> records_of(BlockReader reader) {
  std::vector<std::string> records;
  std::string_view record;
  while (reader.next(record)) records.emplace_back(record);
  if (reader.damaged()) records.emplace_back("damaged");
  return records;
}

std::string read(const std::string& folder, const std::string& name) {
  const auto bytes = pipeline::read_file(folder, name);
  REQUIRE(bytes);
  REQUIRE(*bytes);
  return **bytes;
}

/// What the bytes say; "refused" if they are no segment, or their blocks are damaged.
std::vector<std::string> scan(std::string_view bytes) {
  const auto parts = parse_segment(bytes);
  if (!parts) return {"refused"};
  const auto records = records_of(BlockReader(parts->blocks));
  if (!records.empty() && records.back() == "damaged") return {"refused"};
  return records.size() == parts->info.records ? records : std::vector<std::string>{"refused"};
}

SegmentInfo write_segment(const std::string& folder, const std::vector<std::string>& records) {
  SegmentWriter writer(folder, 3, 100, 77);
  for (const std::string& record : records) writer.add(record);
  const auto info = writer.close(200);
  REQUIRE(info);
  return *info;
}

}  // namespace

TEST_CASE("segment: what was added comes back, in its order, under the name that says what it is") {
  const quorate::test::TemporaryFolder folder;
  std::vector<std::string> records{"", "a", std::string(300, 'b'), std::string(1u << 20, 'c')};
  for (int i = 0; i < 20'000; ++i) records.push_back("record " + std::to_string(i));
  const SegmentInfo info = write_segment(folder.path(), records);
  CHECK(file_of(info) == "p3-100-200-77.seg");
  CHECK(files_in(folder.path()) == std::vector<std::string>{file_of(info)});
  const auto segment = Segment::open(folder.path(), info);
  REQUIRE(segment);
  CHECK(records_of(segment->records()) == records);
  CHECK(info.records == records.size());
  SegmentInfo other = info;
  ++other.records;
  CHECK(Segment::open(folder.path(), other).error().kind == pipeline::FaultKind::Damaged);
}

TEST_CASE("segment: cut at any byte, or with any bit flipped, it is refused") {
  const quorate::test::TemporaryFolder folder;
  const SegmentInfo info = write_segment(folder.path(), {"one", "two", "three"});
  const std::string whole = read(folder.path(), file_of(info));
  CHECK(scan(whole) == std::vector<std::string>{"one", "two", "three"});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK(scan(std::string_view(whole).substr(0, size)) == std::vector<std::string>{"refused"});
  }
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    CAPTURE(bit);
    CHECK(scan(flipped) == std::vector<std::string>{"refused"});
  }
  CHECK(scan(whole + "x") == std::vector<std::string>{"refused"});
}

TEST_CASE("segment: a writer that was not closed leaves nothing") {
  const quorate::test::TemporaryFolder folder;
  {
    SegmentWriter writer(folder.path(), 0, 0, 1);
    writer.add("lost");
    CHECK(files_in(folder.path()).size() == 1);
  }
  CHECK(files_in(folder.path()).empty());
  SegmentWriter nowhere(folder.path() + "/missing", 0, 0, 1);
  nowhere.add("x");
  CHECK(nowhere.close(1).error().kind == pipeline::FaultKind::Storage);
}

TEST_CASE("decoders of the batch layer's files survive random bytes, and changed ones") {
  const quorate::test::TemporaryFolder folder;
  const SegmentInfo info = write_segment(folder.path(), {"one", "two", std::string(5'000, 'x')});
  MapOutputWriter writer(folder.path(), "run");
  writer.begin_run(2);
  writer.add("event");
  writer.end_run();
  REQUIRE(writer.close());
  const std::string segment = read(folder.path(), file_of(info));
  const std::string output = read(folder.path(), "run");
  REQUIRE(parse_map_output(output));
  CHECK(records_of(BlockReader(parse_map_output(output)->runs[0].blocks)) ==
        std::vector<std::string>{"event"});
  std::mt19937 random(7);
  const auto feed = [](const std::string& bytes) {
    scan(bytes);
    records_of(BlockReader(bytes));
    SegmentList::decode(bytes, 0);
    if (const auto runs = parse_map_output(bytes)) {
      for (const auto& run : runs->runs) records_of(BlockReader(run.blocks));
    }
  };
  for (int i = 0; i < 5'000; ++i) {
    std::string noise(random() % 200, '\0');
    for (char& byte : noise) byte = static_cast<char>(random());
    feed(noise);
    for (std::string changed : {segment, output}) {
      for (int k = 0; k < 3; ++k) {
        changed[random() % changed.size()] = static_cast<char>(random());
      }
      changed.resize(random() % 4 == 0 ? random() % changed.size() : changed.size());
      feed(changed);
    }
  }
}

TEST_CASE("segment list: encodes what it says; order, overlap and rest are checked") {
  SegmentList list;
  list.segments = {{4, 0, 10, 5, 10, 1'000}, {4, 11, 30, 5, 19, 2'000}, {4, 30, 31, 9, 1, 90}};
  const std::string bytes = list.encode();
  const auto again = SegmentList::decode(bytes, 4);
  REQUIRE(again);
  CHECK(again->segments == list.segments);
  CHECK(again->end() == 31);
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    CHECK(!SegmentList::decode(std::string_view(bytes).substr(0, size), 4));
  }
  CHECK(!SegmentList::decode(bytes + "x", 4));
  CHECK(SegmentList::decode("", 4)->segments.empty());
}

TEST_CASE("segments below a cut: whole ones only; one across it is no archive of this mark") {
  SegmentList list;
  list.segments = {{0, 0, 10, 1, 10, 1}, {0, 11, 30, 1, 19, 1}};
  struct Row {
    Offset cut;
    int below;  ///< -1: refused.
  };
  for (const Row& row :
       {Row{0, 0}, Row{5, -1}, Row{10, 1}, Row{11, 1}, Row{29, -1}, Row{30, 2}, Row{99, 2}}) {
    CAPTURE(row.cut);
    const auto below = segments_below(list, row.cut);
    CHECK((below ? static_cast<int>(below->size()) : -1) == row.below);
  }
}

TEST_CASE("orphans: what an earlier owner left and the list does not name; never a later owner's") {
  SegmentList list;
  list.segments = {{1, 0, 10, 5, 10, 1}};
  const std::vector<std::string> files{"p1-0-10-5.seg",  "p1-10-20-5.seg", "p1-10-5.open",
                                       "p1-10-20-7.seg", "p1-10-20-8.seg", "p2-10-20-5.seg",
                                       "notes.txt",      "p1-x-5.open",    "p1-0-10-5.segx"};
  CHECK(orphans(files, 1, 7, list) == std::vector<std::string>{"p1-10-20-5.seg", "p1-10-5.open"});
}

namespace {

/// A batch of the bus from values; "|" is a mark.
pipeline::Batch batch_of(Offset first, const std::vector<std::string>& values) {
  pipeline::Batch batch;
  auto texts = std::make_shared<std::vector<std::string>>();
  for (const std::string& value : values) {
    texts->push_back(value);
    if (value != "|") continue;
    texts->back().clear();
    encode(pipeline::Cut{1}, texts->back());
  }
  for (const std::string& text : *texts) {
    batch.records.push_back({first + batch.records.size(), 0, "", text});
  }
  batch.next = first + values.size();
  batch.memory = texts;
  return batch;
}

}  // namespace

TEST_CASE("archive: closes at marks, at the size and before commits; marks are no records") {
  const quorate::test::TemporaryFolder folder;
  const ArchiveOptions options{folder.path(), 1'000};
  const auto archiver = Archiver::open(options, 2, 50, {});
  REQUIRE(archiver);
  archiver->handle(batch_of(0, {"a", "b"}));
  CHECK(!archiver->wants_commit());
  archiver->handle(batch_of(2, {"c", "|", "|", "d"}));
  CHECK(archiver->wants_commit());
  REQUIRE(archiver->persist());
  archiver->committed(6);
  CHECK(!archiver->wants_commit());
  archiver->handle(batch_of(6, {std::string(2'000, 'x'), "e"}));
  CHECK(archiver->wants_commit());
  REQUIRE(archiver->persist());
  const auto list = SegmentList::decode(archiver->state(), 2);
  REQUIRE(list);
  std::vector<std::pair<Offset, Offset>> ranges;
  for (const SegmentInfo& info : list->segments) {
    ranges.emplace_back(info.from, info.to);
    CHECK(Segment::open(folder.path(), info));
  }
  CHECK(ranges == std::vector<std::pair<Offset, Offset>>{{0, 3}, {5, 6}, {6, 7}, {7, 8}});
}

TEST_CASE("archive: a successor takes up the list, and removes what was never committed") {
  const quorate::test::TemporaryFolder folder;
  const ArchiveOptions options{folder.path(), 1u << 20};
  const auto first = Archiver::open(options, 0, 5, {});
  first->handle(batch_of(0, {"a", "|"}));
  REQUIRE(first->persist());
  const pipeline::Checkpoint committed{2, first->state()};
  first->handle(batch_of(2, {"b", "|"}));
  REQUIRE(first->persist());  // Killed before this one is committed.
  first->handle(batch_of(4, {"c"}));
  CHECK(files_in(folder.path()).size() == 3);
  const auto second = Archiver::open(options, 0, 6, committed);
  REQUIRE(second);
  CHECK(files_in(folder.path()) == std::vector<std::string>{"p0-0-1-5.seg"});
  second->handle(batch_of(2, {"b", "|"}));
  REQUIRE(second->persist());
  CHECK(SegmentList::decode(second->state(), 0)->segments.size() == 2);
  CHECK(Archiver::open(options, 0, 7, {2, "no list"}) == nullptr);
}
