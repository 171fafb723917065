// What happened, as log lines: the port Observer over server/log.
#pragma once

#include <string>

#include "server/replica/ports.h"

namespace quorate::server {

class EventLog : public Observer {
 public:
  /// "serving epoch=5 zxid=0x500000000": ids always.
  void on_event(const consensus::Event& event) override;
  void note(char severity, const std::string& text) override;
  void audit(const std::string& line) override;
};

/// Who the server's own actions are put down to in the audit log: the user of this process.
std::string user_of_this_process();

}  // namespace quorate::server
