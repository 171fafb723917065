// The shell's TLS options: files of keys and authorities as PEM or PKCS12, tried before anybody
// connects, so that what is wrong with them is told with the file's name.
#pragma once

#include <string>

#include "quorate/options.h"

namespace quorate::shell {

/// One file as zkCli's properties or this program's options name it. Its kind is told by its first
/// bytes: a Java key store's file may hold PKCS12 under any name.
struct TlsStore {
  std::string location;
  std::string password;
  std::string password_file;  ///< Wins over `password`.
};

struct TlsFiles {
  bool enabled = false;
  TlsStore key_store;    ///< The client's certificate with its chain, and its key.
  std::string key_file;  ///< The key, where it stands in a PEM file of its own.
  TlsStore trust_store;  ///< Authorities; without a location the system's.
  bool verify_host = true;
};

/// Checks the files and makes options for the client of them; what is wrong, or "". What came out
/// of a PKCS12 file is held in memory, in no file that anybody else could open.
std::string settle_tls(const TlsFiles& files, client::TlsOptions& options);

}  // namespace quorate::shell
