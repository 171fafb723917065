#include "server/storage/epoch_store.h"

#include <boost/system/errc.hpp>

#include "server/storage/format.h"
#include "server/storage/small_file.h"

namespace quorate::server {

std::optional<StorageFault> EpochStore::load_one(const char* name, bool fresh,
                                                 std::uint32_t& epoch) {
  std::string path = directory_ + "/" + name;
  auto value = read_small_file(files_, directory_, name);
  if (!value && value.error() == boost::system::errc::no_such_file_or_directory && fresh) {
    epoch = 0;
    ErrorCode error = write_small_file(files_, directory_, name, 0);
    if (error) return io_fault(path, error);
    return std::nullopt;
  }
  if (!value || *value > UINT32_MAX) {
    std::string why = value ? "holds " + std::to_string(*value) + ", which is no epoch"
                            : "cannot be read: " + value.error().message();
    return lost_fault(path + " " + why +
                      ". What this server has promised is unknown, so it must not vote");
  }
  epoch = static_cast<std::uint32_t>(*value);
  return std::nullopt;
}

std::optional<StorageFault> EpochStore::load(bool fresh) {
  if (auto fault = load_one(format::kAcceptedEpochFile, fresh, accepted_)) return fault;
  if (auto fault = load_one(format::kCurrentEpochFile, fresh, current_)) return fault;
  if (accepted_ < current_) {
    return lost_fault(directory_ + ": acceptedEpoch " + std::to_string(accepted_) +
                      " is below currentEpoch " + std::to_string(current_) +
                      ", which this server never writes");
  }
  return std::nullopt;
}

ErrorCode EpochStore::store_accepted(std::uint32_t epoch) {
  if (ErrorCode error = write_small_file(files_, directory_, format::kAcceptedEpochFile, epoch)) {
    return error;
  }
  accepted_ = epoch;
  return {};
}

ErrorCode EpochStore::store_current(std::uint32_t epoch) {
  if (ErrorCode error = write_small_file(files_, directory_, format::kCurrentEpochFile, epoch)) {
    return error;
  }
  current_ = epoch;
  return {};
}

}  // namespace quorate::server
