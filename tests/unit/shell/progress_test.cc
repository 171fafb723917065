#include "shell/progress.h"

#include <doctest/doctest.h>

using namespace quorate::shell;

TEST_CASE("progress: a bar, the count, and the time left once it can be told") {
  CHECK(progress_line("import", 0, 0.001, 0.1) == "[--------------------]   0%  import: 0 nodes");
  CHECK(progress_line("import", 400, 0.4, 8) ==
        "[########------------]  40%  import: 400 nodes, 12 s left");
  CHECK(progress_line("import", 9, 1.0, 3) ==
        "[####################] 100%  import: 9 nodes, 0 s left");
}

TEST_CASE("progress: more than was foreseen is no more than all; nothing foreseen, no bar") {
  CHECK(progress_line("export", 7, 1.7, 0.5) == "[####################] 100%  export: 7 nodes");
  CHECK(progress_line("export", 7, 0, 9) == "export: 7 nodes");
}
