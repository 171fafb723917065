// What each part is told of the configuration.
#pragma once

#include "server/app/member_files.h"
#include "server/config/config.h"
#include "server/net/election_links.h"
#include "server/net/peer_links.h"
#include "server/net/peer_tls.h"
#include "server/replica/replica.h"
#include "server/sasl/kerberos_login.h"
#include "server/storage/disk_worker.h"
#include "server/storage/real/disk_thread.h"

namespace quorate::server {

ReplicaOptions replica_options(const Config& config);
StorageOptions storage_options(const Config& config);
DiskThreadOptions disk_thread_options(const Config& config);
PeerLinkOptions peer_link_options(const Config& config);
ElectionLinkOptions election_link_options(const Config& config);
PeerTlsOptions peer_tls_options(const Config& config);
/// Where clients log in by Kerberos.
KerberosService kerberos_service(const Config& config);
MemberFiles::Options member_files_options(const Config& config);

}  // namespace quorate::server
