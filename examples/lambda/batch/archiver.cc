#include "examples/lambda/batch/archiver.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "examples/pipeline/cut.h"
#include "examples/pipeline/state_file.h"

namespace lambda_app {

using pipeline::Result;

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code fault;
  for (std::filesystem::directory_iterator at(folder, fault), end; !fault && at != end;
       at.increment(fault)) {
    names.push_back(at->path().filename());
  }
  return names;
}

std::unique_ptr<Archiver> Archiver::open(const ArchiveOptions& options, PartitionNumber partition,
                                         std::int64_t token, const pipeline::Checkpoint& last) {
  auto list = SegmentList::decode(last.state, partition);
  if (!list || list->end() > last.offset) return nullptr;
  for (const std::string& file : orphans(files_in(options.folder), partition, token, *list)) {
    pipeline::remove_file(options.folder, file);
  }
  std::unique_ptr<Archiver> made(new Archiver(options, partition, token, last.offset));
  made->list_ = std::move(*list);
  return made;
}

void Archiver::handle(const pipeline::Batch& batch) {
  for (const pipeline::StoredRecord& record : batch.records) {
    if (pipeline::decode_cut(record.value)) {
      next_ = record.offset;
      close_open();
      wants_commit_ = true;
    } else {
      if (!open_) {
        open_ = std::make_unique<SegmentWriter>(options_.folder, partition_, record.offset, token_);
      }
      open_->add(record.value);
    }
    next_ = record.offset + 1;
    if (open_ && open_->bytes() >= options_.segment_bytes_max) {
      close_open();
      wants_commit_ = true;
    }
  }
}

void Archiver::close_open() {
  const auto writer = std::exchange(open_, nullptr);
  if (!writer || !fault_) return;
  const Result<SegmentInfo> closed = writer->close(next_);
  if (closed) {
    list_.segments.push_back(*closed);
  } else {
    fault_ = closed.error();
  }
}

Result<> Archiver::persist() {
  close_open();
  return fault_;
}

}  // namespace lambda_app
