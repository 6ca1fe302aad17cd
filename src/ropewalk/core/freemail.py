"""Domains under which anybody can have an address: they name no company (product.md §2.3). Normal forms, sorted."""

from __future__ import annotations

DOMAINS = frozenset(
    """
    123mail.org 126.com 139.com 150mail.com 163.com 163.net 189.cn 1blu.de 21cn.com 263.net 2bmail.co.uk
    abv.bg adelphia.net aim.com alice.it aliceadsl.fr aliceposta.it aliyun.com ameritech.net aol.co.uk
    aol.com aol.de aol.fr aol.it aon.at arcor.de arnet.com.ar atlas.cz att.net attbi.com axelero.hu azet.sk
    bellsouth.net bigmir.net bigpond.com bigpond.net.au bigstring.com bk.ru bluewin.ch blueyonder.co.uk
    bol.com.br btinternet.com btopenworld.com c2i.net caramail.com cegetel.net centrum.cz centrum.sk
    centurylink.net centurytel.net charter.net chello.at chello.nl citromail.hu clear.net.nz
    club-internet.fr comcast.net compuserve.com consultant.com contractor.net counsellor.com cox.net
    cyber-rights.net daum.net dbmail.com dodo.com.au dr.com duck.com e1.ru earthlink.net eircom.net
    email.com email.cz email.de email.it email.ua embarqmail.com engineer.com eudoramail.com euromail.net
    excite.it execs.com fast-email.com fastmail.cn fastmail.co.uk fastmail.com fastmail.de fastmail.es
    fastmail.fm fastmail.im fastmail.in fastmail.jp fastmail.mx fastmail.net fastmail.nl fastmail.org
    fastmail.se fastmail.to fastmail.uk fastmail.us fastwebnet.it firemail.de fmail.co.uk foxmail.com
    free.fr freemail.gr freemail.hu freemail.it freenet.de freeserve.co.uk freesurf.fr freeuk.com
    frontiernet.net fsmail.net gamil.com gawab.com gmai.com gmail.co gmail.com gmal.com gmial.com gmx.at
    gmx.ch gmx.co.uk gmx.com gmx.de gmx.es gmx.eu gmx.fr gmx.info gmx.net gmx.org gmx.us googlemail.com
    graffiti.net grr.la guerrillamail.com hanmail.net hetnet.nl hey.com hotmai.com hotmail.be hotmail.ca
    hotmail.ch hotmail.cl hotmail.co.id hotmail.co.il hotmail.co.in hotmail.co.jp hotmail.co.kr
    hotmail.co.nz hotmail.co.th hotmail.co.uk hotmail.co.za hotmail.com hotmail.com.ar hotmail.com.au
    hotmail.com.br hotmail.com.hk hotmail.com.mx hotmail.com.tr hotmail.com.tw hotmail.com.vn hotmail.cz
    hotmail.de hotmail.dk hotmail.es hotmail.fi hotmail.fr hotmail.gr hotmail.hu hotmail.ie hotmail.it
    hotmail.my hotmail.nl hotmail.no hotmail.ph hotmail.pt hotmail.rs hotmail.se hotmail.sg hotmial.com
    hush.com hushmail.com hushmail.me iafrica.com icloud.com ig.com.br iinet.net.au iname.com inbox.com
    inbox.lv inbox.ru indiatimes.com infinito.it inode.at inorbit.com inwind.it iol.ie iol.it iprimus.com.au
    itelefonica.com.br jippii.fi journalist.com juno.com kabelmail.de keemail.me kolumbus.fi kpnmail.nl
    laposte.net lavabit.com lawyer.com legislator.com libero.it linuxmail.org list.ru live.at live.be
    live.ca live.ch live.cl live.cn live.co.kr live.co.uk live.co.za live.com live.com.ar live.com.au
    live.com.mx live.com.my live.com.pt live.com.sg live.de live.dk live.fi live.fr live.hk live.ie live.in
    live.it live.jp live.nl live.no live.ru live.se livemail.tw lobbyist.com lycos.co.uk lycos.com lycos.de
    lycos.es lycos.it lycos.nl mac.com mail.be mail.bg mail.ch mail.com mail.de mail.dk mail.ee mail.fr
    mail.goo.ne.jp mail.kz mail.lv mail.pt mail.ru mail.sk mail.ua mail2world.com mailbox.org mailcan.com
    mailfence.com mailinator.com mailnesia.com mailo.com mailpanda.com maktoob.com me.com meta.ua
    mindspring.com mm.st moose-mail.com msn.cn msn.com musician.org mymail.ch mynet.com myself.com nate.com
    naver.com nerdshack.com net.hr netcabo.pt netcologne.de netcourrier.com netscape.net netvigator.com
    netzero.com netzero.net noos.fr ntlworld.com numericable.fr o2.co.uk o2.pl onet.eu onet.pl online.de
    online.no online.ua onlinehome.de op.pl openmailbox.org optimum.net optonline.net optusnet.com.au
    orange.es orange.fr orcon.net.nz outlook.at outlook.be outlook.cl outlook.co.id outlook.co.il
    outlook.co.nz outlook.co.th outlook.com outlook.com.ar outlook.com.au outlook.com.br outlook.com.gr
    outlook.com.tr outlook.com.vn outlook.cz outlook.de outlook.dk outlook.es outlook.fr outlook.hu
    outlook.ie outlook.in outlook.it outlook.jp outlook.kr outlook.lv outlook.my outlook.ph outlook.pt
    outlook.sa outlook.sg outlook.sk pacbell.net pacific.net.sg peoplepc.com planet.nl pm.me pobox.com
    poczta.fm poczta.onet.pl pop.com.br post.cz post.sk posta.ge postaxte.com posteo.at posteo.de posteo.net
    postino.it postmaster.co.uk prodigy.net prodigy.net.mx programmer.net proton.me protonmail.ch
    protonmail.com ptd.net qip.ru qq.com rambler.ru rambler.ua realemail.net rediff.com rediffmail.com
    riseup.net roadrunner.com rocketmail.com runbox.com sbcglobal.net seznam.cz sfr.fr sharklasers.com
    shaw.ca sina.cn sina.com sina.com.cn singnet.com.sg skynet.be sohu.com spacewar.com spray.se spymac.com
    startmail.com sunrise.ch surfeu.de swbell.net swissmail.org swissonline.ch sympatico.ca t-online.de
    talk21.com talktalk.net techie.com tele.dk tele2.at tele2.nl teleline.es teletu.it telfort.nl
    temp-mail.org tenbit.pl terra.cl terra.com.ar terra.com.br terra.es thaimail.com tiscali.co.uk
    tiscali.fr tiscali.it tlen.pl tormail.org tpg.com.au trashmail.com tut.by tuta.com tuta.io tutamail.com
    tutanota.com tutanota.de tvstar.com tx.rr.com ua.fm ukr.net ukrpost.ua umpire.com unforgettable.com
    uol.com.ar uol.com.br upcmail.nl usa.com usa.net utanet.at uymail.com verizon.net videotron.ca
    videotron.qc.ca vip.163.com vip.qq.com vip.sina.com virgilio.it virgin.net virginmedia.com vivaldi.net
    vodafone.it vodafone.nl vodamail.co.za voila.fr volcanomail.com vp.pl walla.co.il walla.com wanadoo.es
    wanadoo.fr web.de webmail.co.za webmail.ru wind.it windowslive.com windstream.net wp.pl writeme.com
    xs4all.nl xtra.co.nz y7mail.com ya.ru yahoo.at yahoo.be yahoo.ca yahoo.ch yahoo.cl yahoo.cn yahoo.co.id
    yahoo.co.il yahoo.co.in yahoo.co.jp yahoo.co.kr yahoo.co.nz yahoo.co.th yahoo.co.uk yahoo.co.za
    yahoo.com yahoo.com.ar yahoo.com.au yahoo.com.br yahoo.com.cn yahoo.com.co yahoo.com.hk yahoo.com.mx
    yahoo.com.my yahoo.com.pe yahoo.com.ph yahoo.com.sg yahoo.com.tr yahoo.com.tw yahoo.com.ve yahoo.com.vn
    yahoo.de yahoo.dk yahoo.es yahoo.fi yahoo.fr yahoo.gr yahoo.hu yahoo.ie yahoo.in yahoo.it yahoo.jp
    yahoo.nl yahoo.no yahoo.pl yahoo.pt yahoo.ro yahoo.se yahoomail.com yandex.by yandex.com yandex.kz
    yandex.ru yandex.ua yeah.net ymail.com yopmail.com zahav.net.il ziggo.nl zipmail.com.br zohomail.com
    zohomail.eu zonnet.nl
    """.split()  # noqa: SIM905 (a list of words to read and to extend)
)
