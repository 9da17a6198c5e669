export interface EntryWords {
  usage: string;
  /** In a tooltip that a tap has opened. */
  details: string;
  /** The same where there is a mouse. */
  click: string;
  /** Beside numbers of the host's that are estimates. */
  exact: string;
  open: string;
  manage: string;
}

const WORDS: Record<string, EntryWords> = {
  en: {
    usage: 'Usage',
    details: 'Details',
    click: 'Click for details',
    exact: 'Exact tokens, costs and limits, as your providers report them',
    open: 'Open my usage',
    manage: 'Manage usage',
  },
  de: {
    usage: 'Nutzung',
    details: 'Einzelheiten',
    click: 'Klicken für Einzelheiten',
    exact: 'Genaue Tokens, Kosten und Limits, wie die Anbieter sie melden',
    open: 'Meine Nutzung öffnen',
    manage: 'Nutzung verwalten',
  },
  es: {
    usage: 'Uso',
    details: 'Detalles',
    click: 'Haga clic para ver los detalles',
    exact: 'Tokens, costes y límites exactos, tal como los comunican los proveedores',
    open: 'Abrir mi uso',
    manage: 'Gestionar el uso',
  },
  fr: {
    usage: 'Utilisation',
    details: 'Détails',
    click: 'Cliquer pour les détails',
    exact: 'Jetons, coûts et limites exacts, tels que les fournisseurs les indiquent',
    open: 'Ouvrir mon utilisation',
    manage: 'Gérer l’utilisation',
  },
  it: {
    usage: 'Utilizzo',
    details: 'Dettagli',
    click: 'Fai clic per i dettagli',
    exact: 'Token, costi e limiti esatti, come li comunicano i fornitori',
    open: 'Apri il mio utilizzo',
    manage: 'Gestisci l’utilizzo',
  },
  ja: {
    usage: '使用状況',
    details: '詳細',
    click: 'クリックで詳細を表示',
    exact: 'プロバイダーの報告に基づく正確なトークン数、費用、上限',
    open: '自分の使用状況を開く',
    manage: '使用状況の管理',
  },
  ko: {
    usage: '사용량',
    details: '자세히',
    click: '클릭하여 자세히 보기',
    exact: '제공업체가 보고한 정확한 토큰, 비용, 한도',
    open: '내 사용량 열기',
    manage: '사용량 관리',
  },
  pt: {
    usage: 'Uso',
    details: 'Detalhes',
    click: 'Clique para ver os detalhes',
    exact: 'Tokens, custos e limites exatos, como os provedores os informam',
    open: 'Abrir meu uso',
    manage: 'Gerenciar o uso',
  },
  ru: {
    usage: 'Использование',
    details: 'Подробности',
    click: 'Нажмите, чтобы узнать подробности',
    exact: 'Точные токены, расходы и лимиты по данным провайдеров',
    open: 'Открыть моё использование',
    manage: 'Управление использованием',
  },
  tr: {
    usage: 'Kullanım',
    details: 'Ayrıntılar',
    click: 'Ayrıntılar için tıklayın',
    exact: 'Sağlayıcıların bildirdiği kesin token, maliyet ve sınırlar',
    open: 'Kullanımımı aç',
    manage: 'Kullanımı yönet',
  },
  zh: {
    usage: '用量',
    details: '详情',
    click: '点击查看详情',
    exact: '按提供商报告的精确令牌数、费用和限额',
    open: '打开我的用量',
    manage: '管理用量',
  },
};

/** The words of a BCP 47 tag; English where there are none of its language. */
export const wordsOf = (tag: string): EntryWords =>
  WORDS[tag.split('-')[0]?.toLowerCase() ?? ''] ?? (WORDS['en'] as EntryWords);
