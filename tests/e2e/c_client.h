#pragma once
/* What every part of c_client_test.c stands on: checks, one session, its events in order.
 * Included once; every name is private to that file. */

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
static int connected, expired;
static struct {
  int type;
  char path[256];
} fired[16]; /* In order; what was expected and came is taken out. */
static int fired_count;

static void on_event(zhandle_t* zh, int type, int state, const char* path, void* context) {
  (void)zh;
  (void)context;
  pthread_mutex_lock(&mutex);
  if (type == ZOO_SESSION_EVENT) {
    connected = state == ZOO_CONNECTED_STATE;
    if (state == ZOO_EXPIRED_SESSION_STATE) expired = 1;
  } else {
    CHECK(fired_count < (int)(sizeof fired / sizeof *fired));
    fired[fired_count].type = type;
    snprintf(fired[fired_count++].path, sizeof fired[0].path, "%s", path);
  }
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

static void wait_for_value(const int* flag, int wanted, const char* what) {
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += 60;
  pthread_mutex_lock(&mutex);
  while (*flag != wanted) {
    if (pthread_cond_timedwait(&changed, &mutex, &end) != 0) {
      fprintf(stderr, "not within 60 s: %s\n", what);
      exit(1);
    }
  }
  pthread_mutex_unlock(&mutex);
}

static void wait_until(const int* flag, const char* what) {
  wait_for_value(flag, 1, what);
}

static void wait_until_not(const int* flag, const char* what) {
  wait_for_value(flag, 0, what);
}

/* The oldest event not yet expected is this one. */
static void expect_event(int type, const char* path) {
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += 60;
  pthread_mutex_lock(&mutex);
  while (fired_count == 0) {
    if (pthread_cond_timedwait(&changed, &mutex, &end) != 0) {
      fprintf(stderr, "no event %d on %s\n", type, path);
      exit(1);
    }
  }
  if (fired[0].type != type || strcmp(fired[0].path, path) != 0) {
    fprintf(stderr, "event %d on %s instead of %d on %s\n", fired[0].type, fired[0].path, type,
            path);
    exit(1);
  }
  memmove(fired, fired + 1, sizeof fired[0] * (size_t)--fired_count);
  pthread_mutex_unlock(&mutex);
}

static void expect_no_event(const char* what) {
  pthread_mutex_lock(&mutex);
  if (fired_count != 0) {
    fprintf(stderr, "event %d on %s, %s\n", fired[0].type, fired[0].path, what);
    exit(1);
  }
  pthread_mutex_unlock(&mutex);
}

static zhandle_t* connect_to(const char* hosts, const clientid_t* id) {
  connected = 0;
  zhandle_t* zh = zookeeper_init(hosts, on_event, 10000, id, NULL, 0);
  CHECK(zh != NULL);
  wait_until(&connected, "a session");
  return zh;
}
