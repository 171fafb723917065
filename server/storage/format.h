// Constants of all files of our own; docs/formats.md describes them. A change needs a new version.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quorate::server::format {

inline constexpr const char* kFolder = "quorate-1";  ///< Below dataDir and dataLogDir.
inline constexpr const char* kCurrentFile = "CURRENT";
inline constexpr const char* kAcceptedEpochFile = "acceptedEpoch";
inline constexpr const char* kCurrentEpochFile = "currentEpoch";
inline constexpr const char* kBlankFile = "blank";
inline constexpr const char* kGenerationPrefix = "gen-";
inline constexpr const char* kCheckpointFolder = "checkpoint";
inline constexpr const char* kArchiveFolder = "archive";
/// In the generation's folder: which of its checkpoint and archive folders counts.
inline constexpr const char* kCheckpointFile = "CHECKPOINT";
inline constexpr const char* kArchiveFile = "ARCHIVE";
inline constexpr const char* kLogFolder = "log";
inline constexpr const char* kSegmentPrefix = "log-";
inline constexpr const char* kTemporarySuffix = ".tmp";

// ---- Log segment; all integers big-endian -------------------------------------------------------
inline constexpr std::uint64_t kSegmentMagic = 0x51524c4f47534547;  ///< "QRLOGSEG".
inline constexpr std::uint32_t kSegmentVersion = 2;
/// The header fills one sector, so that no later append touches the sector that holds it. Its last
/// 8 bytes are the checksum of the rest: in every version, so that a file of a newer one is told
/// from a damaged one.
inline constexpr std::size_t kSegmentHeaderBytes = 512;
inline constexpr std::uint64_t kDataStart = kSegmentHeaderBytes;

inline constexpr std::uint32_t kGroupMagic = 0x51475250;  ///< "QGRP".
inline constexpr std::size_t kGroupHeaderBytes = 40;
inline constexpr std::size_t kRecordHeaderBytes = 24;
/// Groups start at multiples of this, so that a search for later headers need not look at each
/// byte.
inline constexpr std::uint64_t kGroupAlignment = 8;

}  // namespace quorate::server::format
