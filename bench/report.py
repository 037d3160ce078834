"""x"""


def write_report(figures, argv, rounds, seconds, dry):
    for way, size, clients, call in figures.runs:
        f = lambda w: figures.of(way, size, clients, call, w)
        print(
            f"{call:5}{way:32}{size:>9,}{clients:4} {f('rate'):>9,.0f}/s p50 {f('p50') * 1e6:>7.0f} p99 {f('p99') * 1e6:>7.0f} stall {f('stall') * 1e3:6.1f}ms batch {f('batch'):.1f}"
        )
    from statistics import median

    for k, v in figures.admin.items():
        print(k, median(v))
