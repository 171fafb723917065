// Precompiled: Asio is the slowest header we have (about 6 s of 7 in a small file).
#pragma once

#include <boost/asio.hpp>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>
