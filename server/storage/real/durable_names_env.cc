#include "server/storage/real/durable_names_env.h"

#include <memory>
#include <string_view>

namespace quorate::server {
namespace {

std::string folder_of(const std::string& name) {
  return name.substr(0, name.rfind('/'));
}

class NamedFile : public leveldb::WritableFile {
 public:
  using SyncFolder = DurableNamesEnv::SyncFolder;
  NamedFile(std::unique_ptr<leveldb::WritableFile> file, const std::string& name, bool at_each_sync,
            const SyncFolder& sync_folder)
      : file_(std::move(file)),
        folder_(folder_of(name)),
        at_each_sync_(at_each_sync),
        sync_folder_(sync_folder) {}

  leveldb::Status Append(const leveldb::Slice& bytes) override { return file_->Append(bytes); }
  leveldb::Status Close() override { return file_->Close(); }
  leveldb::Status Flush() override { return file_->Flush(); }
  leveldb::Status Sync() override {
    leveldb::Status status;
    if (!named_ || at_each_sync_) status = sync_folder_(folder_);
    named_ = status.ok();
    return named_ ? file_->Sync() : status;
  }

 private:
  std::unique_ptr<leveldb::WritableFile> file_;
  std::string folder_;
  bool at_each_sync_;
  const SyncFolder& sync_folder_;
  bool named_ = false;
};

}  // namespace

leveldb::Status DurableNamesEnv::wrap(leveldb::Status opened, const std::string& name,
                                      leveldb::WritableFile** file) const {
  const std::string_view last = std::string_view(name).substr(name.rfind('/') + 1);
  const bool manifest = last.starts_with("MANIFEST");
  // A table's name becomes durable with the manifest that lists it.
  if (!opened.ok() || (!manifest && !last.ends_with(".log"))) return opened;
  *file =
      new NamedFile(std::unique_ptr<leveldb::WritableFile>(*file), name, manifest, sync_folder_);
  return opened;
}

leveldb::Status DurableNamesEnv::NewWritableFile(const std::string& name,
                                                 leveldb::WritableFile** file) {
  return wrap(target()->NewWritableFile(name, file), name, file);
}

leveldb::Status DurableNamesEnv::NewAppendableFile(const std::string& name,
                                                   leveldb::WritableFile** file) {
  return wrap(target()->NewAppendableFile(name, file), name, file);
}

leveldb::Status DurableNamesEnv::RenameFile(const std::string& from, const std::string& to) {
  leveldb::Status status = target()->RenameFile(from, to);
  return status.ok() ? sync_folder_(folder_of(to)) : status;
}

}  // namespace quorate::server
