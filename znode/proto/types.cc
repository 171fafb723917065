#include "znode/proto/types.h"

namespace quorate {

AclList open_acl() {
  return {Acl{perm::kAll, AuthId{"world", "anyone"}}};
}

const char* name_of(EventType type) {
  switch (type) {
    case EventType::None:
      return "None";
    case EventType::NodeCreated:
      return "NodeCreated";
    case EventType::NodeDeleted:
      return "NodeDeleted";
    case EventType::NodeDataChanged:
      return "NodeDataChanged";
    case EventType::NodeChildrenChanged:
      return "NodeChildrenChanged";
    case EventType::DataWatchRemoved:
      return "DataWatchRemoved";
    case EventType::ChildWatchRemoved:
      return "ChildWatchRemoved";
    case EventType::PersistentWatchRemoved:
      return "PersistentWatchRemoved";
  }
  return "Unknown";
}

const char* name_of(KeeperState state) {
  switch (state) {
    case KeeperState::Disconnected:
      return "Disconnected";
    case KeeperState::SyncConnected:
      return "SyncConnected";
    case KeeperState::AuthFailed:
      return "AuthFailed";
    case KeeperState::ConnectedReadOnly:
      return "ConnectedReadOnly";
    case KeeperState::Expired:
      return "Expired";
    case KeeperState::Closed:
      return "Closed";
  }
  return "Unknown";
}

}  // namespace quorate
