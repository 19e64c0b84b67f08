"""Files that i2pd (API 0.9.65) wrote on a closed throwaway network with network id 77."""

from __future__ import annotations

import base64

#: router.info of a router that publishes NTCP2 and SSU2
ROUTER_INFO = base64.b64decode(
    "W5arMzl2Qzy9O9T/WWoK/mQkAEvXekwnSwISEtbhZjzJaM3NK/pMk3txNAjkrEH/r/q7IO9JLP8qc0jVSr4gKslozc"
    "0r+kyTe3E0COSsQf+v+rsg70ks/ypzSNVKviAqyWjNzSv6TJN7cTQI5KxB/6/6uyDvSSz/KnNI1Uq+ICrJaM3NK/pM"
    "k3txNAjkrEH/r/q7IO9JLP8qc0jVSr4gKslozc0r+kyTe3E0COSsQf+v+rsg70ks/ypzSNVKviAqyWjNzSv6TJN7cT"
    "QI5KxB/6/6uyDvSSz/KnNI1Uq+ICrJaM3NK/pMk3txNAjkrEH/r/q7IO9JLP8qc0jVSr4gKslozc0r+kyTe3E0COSs"
    "Qf+v+rsg70ks/ypzSNVKviAqyWjNzSv6TJN7cTQI5KxB/6/6uyDvSSz/KnNI1Uq+ICrJaM3NK/pMk3txNAjkrEH/r/"
    "q7IO9JLP8qc0jVSr4gKmodupRknx0c1KA1KWL8IOYJ59JrtqSWnrZigbZynep4BQAEAAcABAAAAaH8/iQ9AgMAAAAA"
    "AAAAAAVOVENQMgByBGhvc3Q9CTEyNy41LjAuMTsBaT0YM3ByWU5FZ3JGTGpwN0lKWHk3Q2EzZz09OwRwb3J0PQUyMD"
    "AwNTsBcz0saG44TWFaMGhDTmlwQU5qVU9jWjFFfk5xY2tNUXpLdjlKZGk0eXNqOWN5Yz07AXY9ATI7CAAAAAAAAAAA"
    "BFNTVTIAmwRjYXBzPQJCQzsEaG9zdD0JMTI3LjUuMC4xOwFpPSxHQ25Tb2JqTkFQeE5vUDlScnA3NmZXVjk1d0ZqWm"
    "ZWbGROVTJJbXo0YUlrPTsDbXR1PQQxMjgwOwRwb3J0PQUyMDAwNTsBcz0sSW1sNjZZNDJnZncyWU9wenktRmVjTVZm"
    "LXNJTmlhUjhEUHMtcmE5Z3BuTT07AXY9ATI7AAAtBGNhcHM9AlhSOwVuZXRJZD0CNzc7DnJvdXRlci52ZXJzaW9uPQ"
    "YwLjkuNjU7BB5uRb4lSDRfbtQGakTkRsK25gn4GztjPeAfPS5gmduHAptWfnSIhLxGcP53MTseY1yVNoGzFy8ElQof"
    "diCuBw=="
)
#: router.keys of the same router
ROUTER_KEYS = base64.b64decode(
    "W5arMzl2Qzy9O9T/WWoK/mQkAEvXekwnSwISEtbhZjzJaM3NK/pMk3txNAjkrEH/r/q7IO9JLP8qc0jVSr4gKslozc"
    "0r+kyTe3E0COSsQf+v+rsg70ks/ypzSNVKviAqyWjNzSv6TJN7cTQI5KxB/6/6uyDvSSz/KnNI1Uq+ICrJaM3NK/pM"
    "k3txNAjkrEH/r/q7IO9JLP8qc0jVSr4gKslozc0r+kyTe3E0COSsQf+v+rsg70ks/ypzSNVKviAqyWjNzSv6TJN7cT"
    "QI5KxB/6/6uyDvSSz/KnNI1Uq+ICrJaM3NK/pMk3txNAjkrEH/r/q7IO9JLP8qc0jVSr4gKslozc0r+kyTe3E0COSs"
    "Qf+v+rsg70ks/ypzSNVKviAqyWjNzSv6TJN7cTQI5KxB/6/6uyDvSSz/KnNI1Uq+ICrJaM3NK/pMk3txNAjkrEH/r/"
    "q7IO9JLP8qc0jVSr4gKmodupRknx0c1KA1KWL8IOYJ59JrtqSWnrZigbZynep4BQAEAAcABAgiQJtTUrRrpWwtjhkP"
    "JN/XjPqX3CedAHh7KYKe0h1iHG0W147cC4vkeb5J9h6HN2T45AO3FYe1xOb5W2wr5ME="
)
#: key file of a destination with crypto type 0
DESTINATION_KEYS = base64.b64decode(
    "FbbxcBGI33ThZglfhwN9wIke82wuBL3RSiGQM2lsH+oVtvFwEYjfdOFmCV+HA33AiR7zbC4EvdFKIZAzaWwf6hW28X"
    "ARiN904WYJX4cDfcCJHvNsLgS90UohkDNpbB/qFbbxcBGI33ThZglfhwN9wIke82wuBL3RSiGQM2lsH+oVtvFwEYjf"
    "dOFmCV+HA33AiR7zbC4EvdFKIZAzaWwf6hW28XARiN904WYJX4cDfcCJHvNsLgS90UohkDNpbB/qFbbxcBGI33ThZg"
    "lfhwN9wIke82wuBL3RSiGQM2lsH+oVtvFwEYjfdOFmCV+HA33AiR7zbC4EvdFKIZAzaWwf6hW28XARiN904WYJX4cD"
    "fcCJHvNsLgS90UohkDNpbB/qFbbxcBGI33ThZglfhwN9wIke82wuBL3RSiGQM2lsH+oVtvFwEYjfdOFmCV+HA33AiR"
    "7zbC4EvdFKIZAzaWwf6qkdFHmkG/B9Ikg9VoDfAE+Skfslv9rs9qRftgtHcd5wBQAEAAcAAAhSUF5QLj3yhpav4peG"
    "RjNdLRkcFfm9EL2aw5DuBthaivrmGODligZRMEKCaJ2IcdtAjLCTuFGmfJoUXcFjpWokYSe6tbampkzaVlbkfiCeYn"
    "Mwa+sBuP7XU+blU/AW7blKJ83WAvnVe0nmWVW3MszEPm+Pd5QMXjcMfXHoNJLLHGZHO5p9bpxTfr4IG+pYk0Z/AITZ"
    "pC7tLrdJFm9bQIVOOSqu0wU7Ox5oDKgrpvjkBfN0Dz6Yt/f+yxv9lFO7WPvt53+p1Cgm+IXN4DmNmp1+oWQXx5rxVa"
    "Tnr9BewFIH2xMJxCwBmCnn2SnpoQb0eLGd6HgRS0xQkxgqGOwpt47w8TOfeKFemefYrdieCVjVFZ4qDHLUq9MMyOvT"
    "FdzqwQ=="
)
