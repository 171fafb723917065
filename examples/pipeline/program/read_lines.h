// Log files, or standard input, line by line.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "examples/pipeline/log_parser.h"

namespace pipeline_program {

/// Calls `on_line(line, offset)` for each line of `file` ("-": standard input); what went wrong, or
/// "".
template <class OnLine>
std::string read_lines(const std::string& file, OnLine&& on_line) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(
      file == "-" ? nullptr : std::fopen(file.c_str(), "rb"), &std::fclose);
  if (file != "-" && !opened) return file + ": " + std::strerror(errno);
  std::FILE* in = opened ? opened.get() : stdin;
  pipeline::LineSplitter lines;
  std::string chunk(1u << 20, '\0');
  while (const std::size_t size = std::fread(chunk.data(), 1, chunk.size(), in)) {
    lines.feed({chunk.data(), size}, on_line);
  }
  lines.finish(on_line);
  return std::ferror(in) != 0 ? file + ": " + std::strerror(errno) : "";
}

}  // namespace pipeline_program
