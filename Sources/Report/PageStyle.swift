// SPDX-License-Identifier: Apache-2.0
//
// How the page looks: system fonts, one column of readable width, figures side by side where there is room. Light or
// dark as the reader's system is. Better is blue and worse is orange, which color-blind readers tell apart, and each
// cell has its number.

package enum PageStyle {
  package static let text = """
    :root{color-scheme:light dark;--paper:#fbfbfa;--card:#fff;--ink:#1b1c1e;--soft:#5e6167;--line:#dddcd8;--accent:#245b94;
    --b1:#dceaf6;--b2:#b4d3ec;--b3:#7db3de;--b4:#2c6ca8;--w1:#fcebdb;--w2:#f8d2ac;--w3:#eda766;--w4:#b95a12;--n:#f0efec;
    --on4:#fff;--on:#1b1c1e;--good:#2c6ca8;--bad:#b95a12;--level:#8d9096;
    --s1:#7a6a00;--s2:#1b8a6b;--s3:#b4457a;--s4:#7457b8;--s5:#4f7d1f;--s6:#a3553a;--s7:#00818f;--s8:#6b6f76}
    @media (prefers-color-scheme:dark){:root{--paper:#141517;--card:#1c1e21;--ink:#e8e7e3;--soft:#a0a4ab;--line:#34373c;
    --accent:#7fb5e8;--b1:#1f3042;--b2:#26496b;--b3:#2f69a0;--b4:#6fb1ee;--w1:#3b2c1e;--w2:#5f401f;--w3:#90561b;--w4:#f0a04c;
    --n:#2a2c30;--on4:#10151b;--on:#e8e7e3;--good:#6fb1ee;--bad:#f0a04c;--level:#7f838a;
    --s1:#d8c437;--s2:#4cc9a2;--s3:#e885b4;--s4:#b09be8;--s5:#9ccb62;--s6:#e09a80;--s7:#4fc4d1;--s8:#a9adb4}}
    *{box-sizing:border-box}
    body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
    main{max-width:76rem;margin:0 auto;padding:1rem}
    header{background:var(--card);border:1px solid var(--line);border-top:5px solid var(--soft);border-radius:10px;padding:1.2rem 1.4rem}
    header.chosen{border-top-color:var(--good)}header.unfinished{border-top-color:var(--bad)}
    h1{font-size:1.7rem;line-height:1.25;margin:.1rem 0 .5rem;text-wrap:balance}
    h2{font-size:1.25rem;margin:2.2rem 0 .6rem;padding-bottom:.3rem;border-bottom:1px solid var(--line)}
    h3{font-size:1rem;margin:1.4rem 0 .2rem}
    p{max-width:46rem;margin:.5rem 0}h1,h2,h3,p,li,dd,figcaption,.facts td{overflow-wrap:anywhere}
    .warning{color:var(--bad);font-weight:600}
    .eyebrow{color:var(--soft);font-size:.9rem;margin:0}
    pre{background:var(--paper);border:1px solid var(--line);border-radius:6px;padding:.6rem .8rem;overflow-x:auto;font-size:.85rem}
    dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem 1.2rem;margin:1rem 0 0}
    dt{color:var(--soft);font-size:.8rem}dd{margin:0;font-weight:600}
    .scroll{overflow-x:auto;margin:.6rem 0}
    table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
    th,td{padding:.3rem .7rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
    th:first-child{text-align:left;padding-left:0}thead th{color:var(--soft);font-weight:500}tbody th{font-weight:500}
    .facts td{white-space:normal;text-align:left}.facts th{text-align:left}
    tr.dirty>*{color:var(--bad)}
    .maps{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(19rem,100%),1fr));gap:.6rem 1.4rem}
    figure{margin:.4rem 0;max-width:30rem}figure.wide{max-width:36rem}
    figcaption{color:var(--soft);font-size:.85rem;margin-bottom:.2rem}
    svg{display:block;width:100%;height:auto}
    svg text{font:14px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--ink);text-anchor:middle}
    svg .tick{fill:var(--soft);font-size:13px}svg .axis{fill:var(--soft);font-size:12px;font-style:italic}
    svg .end{text-anchor:end}svg .row{paint-order:stroke;stroke:var(--paper);stroke-width:5px;text-anchor:start;font-size:13px;fill:var(--soft)}svg .summary{fill:var(--ink);font-weight:600}
    svg .value{fill:var(--on);font-variant-numeric:tabular-nums}
    .paper{fill:var(--paper)}.cell{fill:var(--n)}.default{stroke:var(--ink);stroke-width:2;stroke-dasharray:5 3}.chosen.cell{stroke:var(--ink);stroke-width:3.5;stroke-dasharray:none}
    .better1 .cell{fill:var(--b1)}.better2 .cell{fill:var(--b2)}.better3 .cell{fill:var(--b3)}.better4 .cell{fill:var(--b4)}
    .worse1 .cell{fill:var(--w1)}.worse2 .cell{fill:var(--w2)}.worse3 .cell{fill:var(--w3)}.worse4 .cell{fill:var(--w4)}
    .better4 .value,.worse4 .value{fill:var(--on4)}
    .grid{stroke:var(--line)}.zero{stroke:var(--soft);stroke-width:1.5}
    .interval{stroke-width:3;stroke-linecap:round}.interval.better{stroke:var(--good)}.interval.worse{stroke:var(--bad)}.interval.neutral{stroke:var(--soft)}
    .middle.better{fill:var(--good)}.middle.worse{fill:var(--bad)}.middle.neutral{fill:var(--soft)}
    .legend{display:flex;flex-wrap:wrap;gap:2px;font-size:.78rem}
    .legend span{padding:.15rem .5rem;border-radius:3px;color:var(--on);background:var(--n)}
    .legend .better1{background:var(--b1)}.legend .better2{background:var(--b2)}.legend .better3{background:var(--b3)}
    .legend .better4{background:var(--b4);color:var(--on4)}.legend .worse1{background:var(--w1)}.legend .worse2{background:var(--w2)}
    .legend .worse3{background:var(--w3)}.legend .worse4{background:var(--w4);color:var(--on4)}
    svg .start{text-anchor:start}svg .note{text-anchor:end;font-variant-numeric:tabular-nums}
    svg .note.worse{fill:var(--bad)}svg .note.better{fill:var(--good)}
    .bar.better{fill:var(--good)}.bar.worse{fill:var(--bad)}.bar.neutral{fill:var(--level)}
    .tear{stroke:var(--paper);stroke-width:2.5}.whisker{stroke:var(--ink);stroke-width:1.5}.peer{fill:var(--paper);stroke:var(--soft);stroke-width:1.3}
    .series{fill:currentColor;stroke:currentColor;stroke-width:1.6}.series polyline{fill:none}.series .point{stroke:none}
    .series.own{stroke-width:3}.series.dashed polyline{stroke-dasharray:7 4}.series .spread{stroke-width:1;opacity:.7}
    .own{color:var(--good)}.s1{color:var(--s1)}.s2{color:var(--s2)}.s3{color:var(--s3)}.s4{color:var(--s4)}
    .s5{color:var(--s5)}.s6{color:var(--s6)}.s7{color:var(--s7)}.s8{color:var(--s8)}
    .key{display:flex;flex-wrap:wrap;gap:.1rem .9rem;font-size:.82rem;margin:.1rem 0 .3rem}
    .key span::before{content:"";display:inline-block;width:1.1em;height:.28em;margin-right:.35em;vertical-align:.25em;background:currentColor;border-radius:2px}
    .key .dashed::before{background:repeating-linear-gradient(90deg,currentColor 0 .35em,transparent .35em .5em)}
    .key .own{font-weight:700}ul{padding-left:1.2rem;max-width:46rem}
    details{margin:.5rem 0}summary{cursor:pointer;color:var(--accent)}
    @media (max-width:40rem){main{padding:.6rem}th,td{padding:.3rem .45rem}tbody th{white-space:normal;min-width:7rem}header{padding:1rem}h1{font-size:1.35rem}.legend span{padding:.15rem .3rem}}
    @media print{details>*{display:block}}
    """
}
