// The servers of the ensemble and what they say about their clients.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "shell/command_table.h"

namespace quorate::shell {

/// Client addresses: of the configuration, then those of the connect string.
std::vector<std::string> client_addresses(Session& session);

/// A connection with a session, as "cons" shows it.
struct ClientConnection {
  std::string session;  ///< "0x...".
  std::string client;   ///< "address:port".
  std::string server;
  std::int64_t established_ms = 0;  ///< Since 1970; 0 when it was not told.
  std::int64_t timeout_ms = 0;
};

/// One line of "cons"; false when it is none.
bool parse_connection(const std::string& line, ClientConnection& out);

struct Connections {
  std::vector<ClientConnection> all;
  std::vector<std::string> missing;  ///< "host:port: reason" of servers that did not tell.

  const ClientConnection* find(const std::string& session) const;
};

/// Asks all servers at the same time.
Connections ask_connections(Session& session);

/// `words` of each server, asked at the same time: the first of them that is answered.
struct MemberAnswer {
  std::string server;
  std::string word;  ///< Which one was answered; "" for none.
  std::string text;
  std::string fault;
};
std::vector<MemberAnswer> ask_members(const std::vector<std::string>& servers,
                                      const std::vector<std::string>& words);

/// Columns, each as wide as its widest field.
std::string text_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace quorate::shell
