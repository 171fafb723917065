/* The C client of ZooKeeper (libzookeeper-mt), unmodified, asked to do everything of the slice.
 *
 * c_client_test HOSTS operations        every operation and its errors
 * c_client_test HOSTS write COUNT       creates COUNT nodes, one by one, across whatever happens to
 *                                       the servers; prints "ready" after 20, then the session ids
 * c_client_test HOSTS watch PATH        sets a data watch on PATH over the first host, prints
 * "ready"; its event must come although that server dies and PATH changes while it is away Exit
 * code 0: every check held. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#define CHECK(condition)                                                            \
  do {                                                                              \
    if (!(condition)) {                                                             \
      fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                                      \
    }                                                                               \
  } while (0)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int connected, expired, fired_type;
static char fired_path[256];

static void on_event(zhandle_t* zh, int type, int state, const char* path, void* context) {
  (void)zh;
  (void)context;
  pthread_mutex_lock(&mutex);
  if (type == ZOO_SESSION_EVENT) {
    connected = state == ZOO_CONNECTED_STATE;
    if (state == ZOO_EXPIRED_SESSION_STATE) expired = 1;
  } else {
    fired_type = type;
    snprintf(fired_path, sizeof fired_path, "%s", path);
  }
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

static void wait_until(const int* flag, const char* what) {
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += 60;
  pthread_mutex_lock(&mutex);
  while (!*flag) {
    if (pthread_cond_timedwait(&changed, &mutex, &end) != 0) {
      fprintf(stderr, "not within 60 s: %s\n", what);
      exit(1);
    }
  }
  pthread_mutex_unlock(&mutex);
}

static void expect_event(int type, const char* path) {
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += 60;
  pthread_mutex_lock(&mutex);
  while (fired_type != type || strcmp(fired_path, path) != 0) {
    if (pthread_cond_timedwait(&changed, &mutex, &end) != 0) {
      fprintf(stderr, "no event %d on %s (last: %d on %s)\n", type, path, fired_type, fired_path);
      exit(1);
    }
  }
  fired_type = 0;
  pthread_mutex_unlock(&mutex);
}

static zhandle_t* connect_to(const char* hosts, const clientid_t* id) {
  connected = 0;
  zhandle_t* zh = zookeeper_init(hosts, on_event, 10000, id, NULL, 0);
  CHECK(zh != NULL);
  wait_until(&connected, "a session");
  return zh;
}

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
  zoo_set_debug_level((ZooLogLevel)0); /* It logs each refused connection. */
  if (argc == 3 && strcmp(argv[2], "operations") == 0) {
    operations(argv[1]);
  } else if (argc == 4 && strcmp(argv[2], "write") == 0) {
    write_nodes(argv[1], atoi(argv[3]));
  } else if (argc == 4 && strcmp(argv[2], "watch") == 0) {
    watch_node(argv[1], argv[3]);
  } else {
    fprintf(stderr, "usage: %s HOSTS operations | HOSTS write COUNT | HOSTS watch PATH\n", argv[0]);
    return 2;
  }
  return 0;
}
