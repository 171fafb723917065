/* The C client of ZooKeeper (libzookeeper-mt), unmodified, asked to do everything of the slice.
 *
 * c_client_test HOSTS operations        every operation and its errors
 * c_client_test HOSTS kinds             nodes of every kind, and what create2 tells
 * c_client_test HOSTS multis            transactions
 * c_client_test HOSTS acls              logins and permissions
 * c_client_test HOSTS removed-watches   watches that are taken back
 * c_client_test HOSTS stay              goes through a restart of its server with all it has;
 *                                       prints "ready" when that may happen
 * c_client_test HOSTS write COUNT       creates COUNT nodes, one by one, across whatever happens to
 *                                       the servers; prints "ready" after 20, then the session id
 * c_client_test HOSTS watch PATH        sets a data watch on PATH over the first host, prints
 *                                       "ready"; its event must come although that server dies and
 *                                       PATH changes while it is away
 * Exit code 0: every check held. */
#include "tests/e2e/c_client.h"

static void operations(const char* hosts) {
  zhandle_t* zh = connect_to(hosts, NULL);
  char path[128], data[128];
  int length = sizeof data;
  struct Stat stat;
  struct String_vector names;

  CHECK(zoo_create(zh, "/c", "one", 3, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path) == ZOK);
  CHECK(strcmp(path, "/c") == 0);
  CHECK(zoo_create(zh, "/c", "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path) == ZNODEEXISTS);
  CHECK(zoo_create(zh, "/no/c", "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path) == ZNONODE);
  CHECK(zoo_get(zh, "/c", 0, data, &length, &stat) == ZOK);
  CHECK(length == 3 && memcmp(data, "one", 3) == 0 && stat.version == 0 && stat.dataLength == 3);
  CHECK(zoo_set2(zh, "/c", "two!", 4, 0, &stat) == ZOK && stat.version == 1);
  CHECK(zoo_set(zh, "/c", "x", 1, 0) == ZBADVERSION);
  CHECK(zoo_exists(zh, "/c", 0, &stat) == ZOK && stat.dataLength == 4);
  CHECK(zoo_exists(zh, "/none", 0, &stat) == ZNONODE);
  CHECK(zoo_create(zh, "/c/s-", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, path, sizeof path) ==
        ZOK);
  CHECK(strcmp(path, "/c/s-0000000000") == 0);
  CHECK(zoo_create(zh, "/c/e-", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE | ZOO_EPHEMERAL, path,
                   sizeof path) == ZOK);
  CHECK(strcmp(path, "/c/e-0000000001") == 0);
  CHECK(zoo_exists(zh, path, 0, &stat) == ZOK);
  CHECK(stat.ephemeralOwner == zoo_client_id(zh)->client_id);
  CHECK(zoo_get_children2(zh, "/c", 0, &names, &stat) == ZOK);
  CHECK(names.count == 2 && stat.numChildren == 2 && stat.cversion == 2);
  deallocate_String_vector(&names);
  CHECK(zoo_delete(zh, "/c", -1) == ZNOTEMPTY);
  CHECK(zoo_delete(zh, "/c/s-0000000000", 5) == ZBADVERSION);
  CHECK(zoo_delete(zh, "/c/s-0000000000", 0) == ZOK);

  CHECK(zoo_wexists(zh, "/c/w", on_event, NULL, &stat) == ZNONODE);
  CHECK(zoo_create(zh, "/c/w", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path) == ZOK);
  expect_event(ZOO_CREATED_EVENT, "/c/w");
  length = sizeof data;
  CHECK(zoo_wget(zh, "/c/w", on_event, NULL, data, &length, &stat) == ZOK);
  CHECK(zoo_set(zh, "/c/w", "1", 1, -1) == ZOK);
  expect_event(ZOO_CHANGED_EVENT, "/c/w");
  CHECK(zoo_wget_children(zh, "/c", on_event, NULL, &names) == ZOK);
  deallocate_String_vector(&names);
  CHECK(zoo_delete(zh, "/c/w", -1) == ZOK);
  expect_event(ZOO_CHILD_EVENT, "/c");

  clientid_t id = *zoo_client_id(zh);
  CHECK(zookeeper_close(zh) == ZOK);
  zh = connect_to(hosts, NULL);
  CHECK(zoo_client_id(zh)->client_id != id.client_id);
  CHECK(zoo_exists(zh, "/c/e-0000000001", 0, &stat) == ZNONODE);
  CHECK(zoo_delete(zh, "/c", -1) == ZOK);

  /* A session that was closed is refused, not silently replaced. */
  connected = expired = 0;
  zhandle_t* late = zookeeper_init(hosts, on_event, 10000, &id, NULL, 0);
  CHECK(late != NULL);
  wait_until(&expired, "the closed session is reported as expired");
  zookeeper_close(late);
  zookeeper_close(zh);
}

/* Nodes of every kind, and what create2 tells about them. */
static void kinds(const char* hosts) {
  zhandle_t* zh = connect_to(hosts, NULL);
  const struct ACL_vector* open = &ZOO_OPEN_ACL_UNSAFE;
  char path[128];
  struct Stat stat, again;
  const int64_t long_ttl = 3600 * 1000;

  CHECK(zoo_create2(zh, "/k", "one", 3, open, ZOO_PERSISTENT, path, sizeof path, &stat) == ZOK);
  CHECK(strcmp(path, "/k") == 0 && stat.dataLength == 3 && stat.version == 0);
  CHECK(zoo_exists(zh, "/k", 0, &again) == ZOK && stat.czxid == again.czxid &&
        stat.mtime == again.mtime && stat.pzxid == again.pzxid);
  CHECK(zoo_create2(zh, "/k", "", 0, open, 0, path, sizeof path, &stat) == ZNODEEXISTS);
  CHECK(zoo_create2(zh, "/k/p-", NULL, -1, open, ZOO_PERSISTENT_SEQUENTIAL, path, sizeof path,
                    &stat) == ZOK);
  CHECK(strcmp(path, "/k/p-0000000000") == 0 && stat.dataLength == 0);
  CHECK(zoo_create2(zh, "/k/e", "x", 1, open, ZOO_EPHEMERAL, path, sizeof path, &stat) == ZOK);
  CHECK(stat.ephemeralOwner == zoo_client_id(zh)->client_id);
  CHECK(zoo_create(zh, "/k/e/x", "", 0, open, 0, NULL, 0) == ZNOCHILDRENFOREPHEMERALS);
  CHECK(zoo_create2(zh, "/k/es-", "x", 1, open, ZOO_EPHEMERAL_SEQUENTIAL, path, sizeof path,
                    &stat) == ZOK);
  CHECK(strcmp(path, "/k/es-0000000002") == 0);
  CHECK(zoo_create2(zh, "/k/c", "x", 1, open, ZOO_CONTAINER, path, sizeof path, &stat) == ZOK);
  CHECK(strcmp(path, "/k/c") == 0 && stat.ephemeralOwner == 0);
  CHECK(zoo_create(zh, "/k/c/x", "", 0, open, ZOO_EPHEMERAL, NULL, 0) == ZOK);
  CHECK(zoo_create2_ttl(zh, "/k/t", "x", 1, open, ZOO_PERSISTENT_WITH_TTL, long_ttl, path,
                        sizeof path, &stat) == ZOK);
  CHECK(strcmp(path, "/k/t") == 0 && stat.ephemeralOwner == 0);
  CHECK(zoo_create_ttl(zh, "/k/ts-", "x", 1, open, ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL, long_ttl,
                       path, sizeof path) == ZOK);
  CHECK(strcmp(path, "/k/ts-0000000005") == 0);
  CHECK(zoo_create_ttl(zh, "/k/t0", "x", 1, open, ZOO_PERSISTENT_WITH_TTL, (int64_t)1 << 40, path,
                       sizeof path) == ZBADARGUMENTS);
  CHECK(zoo_exists(zh, "/k", 0, &stat) == ZOK && stat.numChildren == 6 && stat.cversion == 6);
  CHECK(zookeeper_close(zh) == ZOK);

  zh = connect_to(hosts, NULL);
  struct String_vector names;
  CHECK(zoo_get_children(zh, "/k", 0, &names) == ZOK && names.count == 4);
  deallocate_String_vector(&names);
  CHECK(zoo_exists(zh, "/k/c/x", 0, &stat) == ZNONODE);
  const char* rest[] = {"/k/c", "/k/t", "/k/ts-0000000005", "/k/p-0000000000", "/k"};
  for (size_t n = 0; n < sizeof rest / sizeof *rest; ++n) CHECK(zoo_delete(zh, rest[n], -1) == ZOK);
  zookeeper_close(zh);
}

static void multis(const char* hosts) {
  zhandle_t* zh = connect_to(hosts, NULL);
  char one[64], two[64], data[16];
  struct Stat set, made, stat;
  zoo_op_t ops[6];
  zoo_op_result_t results[6];
  int length = sizeof data;

  zoo_create_op_init(&ops[0], "/m", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, one, sizeof one);
  zoo_create_op_init(&ops[1], "/m/s-", "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_SEQUENTIAL, two,
                     sizeof two);
  zoo_set_op_init(&ops[2], "/m", "data", 4, 0, &set);
  zoo_check_op_init(&ops[3], "/m", 1);
  zoo_create_op_init(&ops[4], "/m/gone", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
  zoo_delete_op_init(&ops[5], "/m/gone", 0);
  CHECK(zoo_multi(zh, 6, ops, results) == ZOK);
  for (int n = 0; n < 6; ++n) CHECK(results[n].err == ZOK);
  CHECK(strcmp(one, "/m") == 0 && strcmp(two, "/m/s-0000000000") == 0);
  CHECK(set.version == 1 && set.dataLength == 4 && set.numChildren == 1);
  CHECK(zoo_exists(zh, two, 0, &made) == ZOK && made.czxid == set.mzxid);
  CHECK(zoo_exists(zh, "/m", 0, &stat) == ZOK && stat.pzxid == stat.czxid && stat.cversion == 3);

  zoo_create_op_init(&ops[0], "/m/not", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, one, sizeof one);
  zoo_set_op_init(&ops[1], "/m", "never", 5, -1, &set);
  zoo_check_op_init(&ops[2], "/m", 7);
  zoo_delete_op_init(&ops[3], "/none", -1);
  CHECK(zoo_multi(zh, 4, ops, results) == ZBADVERSION);
  CHECK(results[0].err == ZOK && results[1].err == ZOK && results[2].err == ZBADVERSION);
  CHECK(results[3].err == ZRUNTIMEINCONSISTENCY);
  CHECK(zoo_exists(zh, "/m/not", 0, &stat) == ZNONODE);
  CHECK(zoo_get(zh, "/m", 0, data, &length, &stat) == ZOK && stat.version == 1 && length == 4);
  zoo_delete_op_init(&ops[0], two, -1);
  zoo_delete_op_init(&ops[1], "/m", 1);
  CHECK(zoo_multi(zh, 2, ops, results) == ZOK);
  zookeeper_close(zh);
}

static int answered, answer;

static void on_auth(int rc, const void* context) {
  (void)context;
  pthread_mutex_lock(&mutex);
  answer = rc;
  answered = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

static void acls(const char* hosts) {
  zhandle_t* zh = connect_to(hosts, NULL);
  struct ACL_vector got;
  struct Stat stat;
  char data[16], config[512];
  int length = sizeof data;

  CHECK(zoo_create(zh, "/a", "", 0, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0) == ZINVALIDACL);
  answered = 0;
  CHECK(zoo_add_auth(zh, "digest", "ann:secret", 10, on_auth, NULL) == ZOK);
  wait_until(&answered, "an answer to the login");
  CHECK(answer == ZOK);
  CHECK(zoo_create(zh, "/a", "x", 1, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0) == ZOK);
  CHECK(zoo_get_acl(zh, "/a", &got, &stat) == ZOK && got.count == 1 && stat.aversion == 0);
  CHECK(got.data[0].perms == ZOO_PERM_ALL && strcmp(got.data[0].id.scheme, "digest") == 0);
  CHECK(strncmp(got.data[0].id.id, "ann:", 4) == 0 && strlen(got.data[0].id.id) == 32);
  deallocate_ACL_vector(&got);

  zhandle_t* other = connect_to(hosts, NULL);
  CHECK(zoo_get(other, "/a", 0, data, &length, &stat) == ZNOAUTH);
  CHECK(zoo_set(other, "/a", "", 0, -1) == ZNOAUTH);
  CHECK(zoo_get_acl(other, "/a", &got, &stat) == ZNOAUTH);
  CHECK(zoo_set_acl(other, "/a", -1, &ZOO_OPEN_ACL_UNSAFE) == ZNOAUTH);
  CHECK(zoo_set_acl(zh, "/a", 5, &ZOO_READ_ACL_UNSAFE) == ZBADVERSION);
  CHECK(zoo_set_acl(zh, "/a", 0, &ZOO_READ_ACL_UNSAFE) == ZOK);
  length = sizeof data;
  CHECK(zoo_get(other, "/a", 0, data, &length, &stat) == ZOK && length == 1 && stat.aversion == 1);
  CHECK(zoo_set(other, "/a", "", 0, -1) == ZNOAUTH);
  CHECK(zoo_set(zh, "/a", "", 0, -1) == ZNOAUTH);
  length = sizeof config;
  CHECK(zoo_getconfig(other, 0, config, &length, &stat) == ZOK);
  length = sizeof config;
  CHECK(zoo_reconfig(other, NULL, "9", NULL, -1, config, &length, &stat) == ZRECONFIGDISABLED);
  /* Deleting asks the parent. */
  CHECK(zoo_delete(other, "/a", -1) == ZOK);
  zookeeper_close(other);

  answered = 0;
  CHECK(zoo_add_auth(zh, "nosuch", "x", 1, on_auth, NULL) == ZOK);
  wait_until(&answered, "an answer to the bad login");
  CHECK(answer == ZAUTHFAILED);
  CHECK(zoo_state(zh) == ZOO_AUTH_FAILED_STATE);
  zookeeper_close(zh);
}

static void removed_watches(const char* hosts) {
  zhandle_t* zh = connect_to(hosts, NULL);
  struct Stat stat;
  struct String_vector names;
  char data[16];
  int length = sizeof data;
  CHECK(zoo_create(zh, "/r", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) == ZOK);
  CHECK(zoo_remove_all_watches(zh, "/r", ZWATCHTYPE_ANY, 0) == ZNOWATCHER);
  CHECK(zoo_wget(zh, "/r", on_event, NULL, data, &length, &stat) == ZOK);
  CHECK(zoo_wget_children(zh, "/r", on_event, NULL, &names) == ZOK);
  deallocate_String_vector(&names);
  CHECK(zoo_remove_watches(zh, "/r", ZWATCHTYPE_DATA, on_event, NULL, 0) == ZOK);
  CHECK(zoo_set(zh, "/r", "1", 1, -1) == ZOK);
  CHECK(zoo_create(zh, "/r/x", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) == ZOK);
  expect_event(ZOO_CHILD_EVENT, "/r");
  expect_no_event("of the data watch that was removed");
  CHECK(zoo_remove_watches(zh, "/r", ZWATCHTYPE_DATA, on_event, NULL, 0) == ZNOWATCHER);
  length = sizeof data;
  CHECK(zoo_wget(zh, "/r", on_event, NULL, data, &length, &stat) == ZOK);
  CHECK(zoo_wget_children(zh, "/r", on_event, NULL, &names) == ZOK);
  deallocate_String_vector(&names);
  CHECK(zoo_remove_all_watches(zh, "/r", ZWATCHTYPE_ANY, 0) == ZOK);
  CHECK(zoo_wexists(zh, "/r/later", on_event, NULL, &stat) == ZNONODE);
  CHECK(zoo_delete(zh, "/r/x", -1) == ZOK);
  CHECK(zoo_set(zh, "/r", "2", 1, -1) == ZOK);
  CHECK(zoo_create(zh, "/r/later", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) == ZOK);
  expect_event(ZOO_CREATED_EVENT, "/r/later");
  expect_no_event("of the watches that were removed");
  CHECK(zoo_delete(zh, "/r/later", -1) == ZOK);
  CHECK(zoo_delete(zh, "/r", -1) == ZOK);
  zookeeper_close(zh);
}

/* Goes through a restart of its server with all it has: session, ephemeral, login, three watches.
 */
static void stay(const char* hosts) {
  zhandle_t* zh = connect_to(hosts, NULL);
  const int64_t session = zoo_client_id(zh)->client_id;
  struct Stat stat;
  struct String_vector names;
  char data[16];
  int length = sizeof data;
  CHECK(zoo_add_auth(zh, "digest", "ann:secret", 10, NULL, NULL) == ZOK);
  CHECK(zoo_create(zh, "/stay", "1", 1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) == ZOK);
  CHECK(zoo_create(zh, "/stay/mine", "", 0, &ZOO_CREATOR_ALL_ACL, ZOO_EPHEMERAL, NULL, 0) == ZOK);
  CHECK(zoo_wget(zh, "/stay", on_event, NULL, data, &length, &stat) == ZOK);
  CHECK(zoo_wget_children(zh, "/stay", on_event, NULL, &names) == ZOK);
  deallocate_String_vector(&names);
  CHECK(zoo_wexists(zh, "/stay/later", on_event, NULL, &stat) == ZNONODE);
  printf("ready\n");
  fflush(stdout);
  wait_until_not(&connected, "the server is gone");
  wait_until(&connected, "the server is back");
  expect_no_event("of watches whose nodes did not change");
  CHECK(!expired && zoo_client_id(zh)->client_id == session);
  CHECK(zoo_exists(zh, "/stay/mine", 0, &stat) == ZOK && stat.ephemeralOwner == session);
  CHECK(zoo_set(zh, "/stay/mine", "still ann", 9, 0) == ZOK);
  CHECK(zoo_set(zh, "/stay", "2", 1, 0) == ZOK);
  expect_event(ZOO_CHANGED_EVENT, "/stay");
  CHECK(zoo_create(zh, "/stay/later", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) == ZOK);
  expect_event(ZOO_CREATED_EVENT, "/stay/later");
  expect_event(ZOO_CHILD_EVENT, "/stay");
  zookeeper_close(zh);
}

static void write_nodes(const char* hosts, int count) {
  zhandle_t* zh = connect_to(hosts, NULL);
  const long long session = zoo_client_id(zh)->client_id;
  struct Stat stat;
  struct String_vector names;
  int rc = zoo_create(zh, "/cw", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
  CHECK(rc == ZOK || rc == ZNODEEXISTS);
  /* Left before the servers die: it must fire on whichever server we are connected to then. */
  CHECK(zoo_wexists(zh, "/cw-last", on_event, NULL, &stat) == ZNONODE);
  for (int n = 0; n < count; ++n) {
    char path[64];
    snprintf(path, sizeof path, "/cw/%06d", n);
    do {
      rc = zoo_create(zh, path, path, (int)strlen(path), &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
      if (rc == ZCONNECTIONLOSS || rc == ZOPERATIONTIMEOUT) {
        CHECK(!expired);
        wait_until(&connected, "connected again");
      }
    } while (rc == ZCONNECTIONLOSS || rc == ZOPERATIONTIMEOUT);
    CHECK(rc == ZOK || rc == ZNODEEXISTS);
    if (n == 20) {
      printf("ready\n");
      fflush(stdout);
    }
  }
  CHECK(zoo_create(zh, "/cw-last", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) == ZOK);
  expect_event(ZOO_CREATED_EVENT, "/cw-last");
  CHECK(zoo_get_children(zh, "/cw", 0, &names) == ZOK);
  CHECK(names.count == count);
  deallocate_String_vector(&names);
  CHECK(zoo_client_id(zh)->client_id == session);
  CHECK(!expired);
  printf("session 0x%llx kept, %d nodes\n", session, count);
  zookeeper_close(zh);
}

static void watch_node(const char* hosts, const char* path) {
  zoo_deterministic_conn_order(1);
  zhandle_t* zh = connect_to(hosts, NULL);
  struct Stat stat;
  CHECK(zoo_wexists(zh, path, on_event, NULL, &stat) == ZOK);
  printf("ready\n");
  fflush(stdout);
  expect_event(ZOO_CHANGED_EVENT, path);
  CHECK(!expired);
  zookeeper_close(zh);
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(const char* hosts);
  } modes[] = {
      {"operations", operations},           {"kinds", kinds}, {"multis", multis}, {"acls", acls},
      {"removed-watches", removed_watches}, {"stay", stay}};
  zoo_set_debug_level((ZooLogLevel)0); /* It logs each refused connection. */
  for (size_t n = 0; argc == 3 && n < sizeof modes / sizeof *modes; ++n) {
    if (strcmp(argv[2], modes[n].name) == 0) {
      modes[n].run(argv[1]);
      return 0;
    }
  }
  if (argc == 4 && strcmp(argv[2], "write") == 0) {
    write_nodes(argv[1], atoi(argv[3]));
  } else if (argc == 4 && strcmp(argv[2], "watch") == 0) {
    watch_node(argv[1], argv[3]);
  } else {
    fprintf(stderr, "usage: see the head of c_client_test.c\n");
    return 2;
  }
  return 0;
}
