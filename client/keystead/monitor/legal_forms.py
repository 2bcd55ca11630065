# SPDX-License-Identifier: Apache-2.0
"""Legal forms of companies as names spell them: a table to add to (`specs/monitor.md`, section 3.4).

One line is one legal form: the spelling that stands for it, then others, as `names.plain` leaves them (lower case, no
punctuation, single letters run together). A form of two countries that spell it alike is one line. Forms that mean
different things are never one line: an `ag` is no `gmbh`, and two firms of one name may differ in nothing else.

Spellings in scripts without spaces are in `UNSPACED`.
"""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["SPACED", "UNSPACED"]

_LINES = """
inc, incorporated
corp, corporation
co, company
co inc, company inc
co ltd, company limited, company ltd, co limited
ltd, limited, ltée, limitée
llc, limited liability company, l l c
llp, limited liability partnership
lp, limited partnership
plc, public limited company, ccc, cpt cyhoeddus
pbc, public benefit corporation
pllc
pty ltd, pty limited, proprietary limited, pty
pte ltd, pte limited, private limited, pvt ltd, pvt limited, private ltd
bhd
sdn bhd
cic, community interest company
cyf
dac, designated activity company
teo, teoranta
cpt
ab, aktiebolag, aktiebolaget
ab publ, aktiebolag publ, publ ab
hb, handelsbolag
kb, kommanditbolag
ek för, ekonomisk förening
as, aksjeselskap, aktieselskab
asa, allmennaksjeselskap
aps, anpartsselskab
ivs
is, interessentskab
ks, kommanditselskab
amba
ans
oy, osakeyhtiö, osakeyhtiö ab, oy ab
oyj, julkinen osakeyhtiö, oyj abp, abp
ky, kommandiittiyhtiö
osk, osuuskunta
ehf, einkahlutafélag
hf, hlutafélag
gmbh, gesellschaft mit beschränkter haftung, ges mbh, gesmbh, mbh, gesellschaft mbh
gmbh co kg, gmbh cokg, gmbh and co kg, gmbh und co kg
ggmbh
ug, ug haftungsbeschränkt, unternehmergesellschaft, unternehmergesellschaft haftungsbeschränkt
ag, aktiengesellschaft
kg, kommanditgesellschaft
kgaa, kommanditgesellschaft auf aktien
ohg, offene handelsgesellschaft
gbr, gesellschaft bürgerlichen rechts
ev, eingetragener verein
eg, eingetragene genossenschaft
ek, eingetragener kaufmann, eingetragene kauffrau, e kfm
bv, besloten vennootschap, besloten vennootschap met beperkte aansprakelijkheid, bvba, srl bv
nv, naamloze vennootschap
cv, commanditaire vennootschap
vof, vennootschap onder firma
vzw, asbl, vereniging zonder winstoogmerk, association sans but lucratif
sa, société anonyme, sociedad anónima, sociedade anónima, societate pe acțiuni, societe anonyme
sarl, société à responsabilité limitée, s à r l, sàrl
sas, société par actions simplifiée
sasu, société par actions simplifiée unipersonnelle
snc, société en nom collectif, società in nome collettivo
eurl
sci
scop
sca
scs
srl, società a responsabilità limitata, societate cu răspundere limitată, sociedad de responsabilidad limitada
srls
spa, società per azioni
sapa
soc coop, società cooperativa
sl, sociedad limitada
slu, sociedad limitada unipersonal
sau, sociedad anónima unipersonal
slp
s coop, sociedad cooperativa
sa de cv, sociedad anónima de capital variable, sapi de cv
srl de cv, s de rl de cv
lda, limitada, sociedade por quotas
unipessoal lda, sociedade unipessoal por quotas
eireli, empresa individual de responsabilidade limitada
ltda, sociedade limitada
me, microempresa
epp, empresa de pequeno porte
mei, microempreendedor individual
sgps
sp zoo, spółka z ograniczoną odpowiedzialnością, sp z oo, spolka z ograniczona odpowiedzialnoscia, spzoo
sp zoo spk, sp z oo sp k, sp z oo spk, sp zoo sp k
spk, sp k, spółka komandytowa
spj, sp j, spółka jawna
psa, prosta spółka akcyjna
spółka akcyjna
sro, spol sro, společnost s ručením omezeným, spoločnosť s ručením obmedzeným, s ro
as cz, akciová společnost, akciová spoločnosť
vos, veřejná obchodní společnost
kft, korlátolt felelősségű társaság
bt, betéti társaság
nyrt, nyilvánosan működő részvénytársaság
zrt, zártkörűen működő részvénytársaság
rt, részvénytársaság
kkt
doo, društvo s ograničenom odgovornošću, družba z omejeno odgovornostjo, društvo sa ograničenom odgovornošću, д о о
dd, delniška družba, dioničko društvo
jdoo
dno
ead, еад
ad, ад, акционерно дружество, акционерско друштво
eood, еоод
ood, оод, дружество с ограничена отговорност
et, ет
uab, uždaroji akcinė bendrovė
ab lt, akcinė bendrovė
mb, mažoji bendrija
vši
sia, sabiedrība ar ierobežotu atbildību
as lv, akciju sabiedrība
ik lv
oü, osaühing
as ee, aktsiaselts
mtü
ae, ανώνυμη εταιρεία, αε, ανωνυμη εταιρεια
epe, εταιρεία περιορισμένης ευθύνης, επε
ike, ιδιωτική κεφαλαιουχική εταιρεία, ικε
oe, ομόρρυθμη εταιρεία, οε
ee gr, ετερόρρυθμη εταιρεία, εε
ooo, ооо, общество с ограниченной ответственностью, obshchestvo s ogranichennoy otvetstvennostyu
ao, ао, акционерное общество
pao, пао, публичное акционерное общество
oao, оао, открытое акционерное общество
zao, зао, закрытое акционерное общество
nao, нао, непубличное акционерное общество
ip, ип, индивидуальный предприниматель
too, тоо
tov, тов, товариство з обмеженою відповідальністю
pat, пат
as tr, aş, anonim şirketi, anonim sirketi
ltd şti, limited şirketi, ltd sti, limited sirketi, şti
koll şti
a ş ve ortakları
kk, kabushiki kaisha, kabushiki gaisha, kabushikigaisha, kabushikikaisha
gk, godo kaisha, godo gaisha, goudou kaisha
yk, yugen kaisha, yugen gaisha
jsc, joint stock company, cjsc, ojsc, pjsc
pt, perseroan terbatas
se, societas europaea
sce
eeig, geie, ewiv
spk ltd
sp, sole proprietorship
foundation, stiftung, stichting, fondation
"""

_UNSPACED_LINES = """
kk, 株式会社, (株), ㈱, 株式會社
gk, 合同会社, (同)
yk, 有限会社, (有), ㈲
gomei, 合名会社
goshi, 合資会社
gia, 一般社団法人
gzh, 一般財団法人
npo, 特定非営利活動法人
cn ltd, 有限公司, 有限责任公司, 有限責任公司
cn co ltd, 股份有限公司
jt, 集团有限公司, 集團有限公司
kr co, 주식회사, (주), ㈜
kr ltd, 유한회사, (유)
kr llc, 유한책임회사
kr hj, 합자회사
kr hm, 합명회사
"""


def _table(lines: str) -> Mapping[str, str]:
    """Each spelling, and what stands for its form."""
    found: dict[str, str] = {}
    for line in lines.strip().splitlines():
        first, *others = (spelling.strip() for spelling in line.split(","))
        for spelling in (first, *others):
            found.setdefault(spelling, first)
    return MappingProxyType(found)


SPACED = _table(_LINES)
"""Spellings of one or more words, at the end or the beginning of a name."""

UNSPACED = _table(_UNSPACED_LINES)
"""Spellings in Chinese, Japanese and Korean, which stand against the name without a space."""
